"""From files to recordings: Feather, Parquet and text tables (data=table), the notebook's files (data=versuch).

Only the wanted columns are read, a chunk at a time. Checks of the values (`data.checks`) and the conversion
of a controller's logs (`commands.prepare`) do not belong here.
"""
