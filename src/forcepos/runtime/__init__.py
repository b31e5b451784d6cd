"""The process and its machine: errors, files and paths, log lines, signals, start and end, cores, provenance.

Every other package may import from here, so nothing here knows about data, models or runs, and no large library is
imported.
"""
