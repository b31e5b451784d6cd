"""From files of any format to rows: only the wanted columns are read, a chunk at a time; nothing checks values."""
