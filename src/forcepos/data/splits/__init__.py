"""Division of samples into training, validation, test and calibration subsets.

`split` chooses the kind of split, `subsets` holds its result and the random draws that the kinds share.
Scores on a subset and runs over folds do not belong here.
"""
