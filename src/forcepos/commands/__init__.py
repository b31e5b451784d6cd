"""The commands of `python -m forcepos`: the main job (train), `prepare` and `inspect`.

Arguments, messages and exit codes live here; what a run does lives in experiment/. Nothing imports a command but
`forcepos.__main__`, which dispatches.
"""
