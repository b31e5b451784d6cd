"""The story of a run, of its folds and of a sweep.

Here is in which order things happen. How each step works is in the rooms below; nothing here computes a score or
draws a picture.
"""
