"""One search, several processes of this machine: a chief, and workers that it supervises.

Here is who does which trial, and what happens if a worker is lost. What a trial is, is in tuning.
"""
