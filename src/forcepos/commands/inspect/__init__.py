"""The `inspect` command: guesses roles of columns, reports faults in recordings and drafts a config of them."""
