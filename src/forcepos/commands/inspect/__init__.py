"""The `inspect` command: guesses the roles of columns, reports faults in recordings and drafts a config from them.

Reading formats for training belongs to data.readers, training itself to experiment; nothing here does either.
"""
