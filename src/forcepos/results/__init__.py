"""What a run leaves: its report, tables, figures and lines on the terminal.

Here are files and words. Scores are computed in evaluation; logging to MLflow is in tracking. The cache of
finished runs and the pending logs are here, since both hold results.
"""
