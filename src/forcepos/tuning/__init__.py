"""The search for hyperparameters: proposals, trials, the journal, events; how a trial trains is in models."""
