"""Recordings, samples and their targets, and the checks that they pass before anything is trained on them.

`readers` read files, `simulation` makes recordings, `splits` divide samples into subsets. Networks, scores
and figures do not belong here, nor the schema of the config.
"""
