"""Division of samples into training, validation, test and calibration subsets."""
