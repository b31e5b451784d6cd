"""The command `prepare`: converts a controller's text logs to the Feather file that data=versuch reads.

Every file here serves this command only; a text is read by `data.readers`, whatever it is for.
"""
