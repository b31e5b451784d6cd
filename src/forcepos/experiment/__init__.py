"""The story of a run, of its folds and of a sweep: in which order the steps happen that are in the rooms below."""
