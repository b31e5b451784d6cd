"""The command `prepare`: converts a controller's text logs to the Feather file that data=versuch reads.

Every file here serves this command only. What logs share with text tables is in `data.readers.lines`, and
reading the Feather file belongs to `data.readers.versuch`.
"""
