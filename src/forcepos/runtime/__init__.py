"""The process and its machine; nothing here knows of data, models or runs, or imports a large library."""
