"""Pictures of a run, drawn without a display: each function returns a figure that its caller saves.

Which figures a run gets, their captions and their files are in `results.pictures`; values come from `evaluation`.
"""
