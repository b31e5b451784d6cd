"""The search for hyperparameters: proposals, trials, the journal, events.

Here is what to try next and what came of it. How a trial trains is in models; who listens to the events is in
results and tracking.
"""
