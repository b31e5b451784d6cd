"""What a run leaves: its report, tables, figures, lines on the terminal, the cache of results, pending logs."""
