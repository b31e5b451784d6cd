"""Training loops to compare: each module makes a callable that trains for a number of steps."""
