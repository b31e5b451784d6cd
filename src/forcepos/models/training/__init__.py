"""Training of one network on one problem, with its samples and compiled steps on the device."""
