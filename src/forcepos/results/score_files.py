"""results.md and results.tex: the table of scores, to be pasted into a text."""

from pathlib import Path

from forcepos.results.scores import Result, score_table

_LATEX = str.maketrans({"%": r"\%", "_": r"\_", "²": "$^2$"})  # all that titles and names of splits hold


def write_score_files(result: Result, folder: Path) -> list[Path]:
    """Write the table as Markdown and as LaTeX, which needs no package; return both files."""
    rows = score_table(result, wide=True)
    head, *lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    numbers = len(head) - 1
    markdown = [f"| {' | '.join(line)} |" for line in (head, ["---", *["---:"] * numbers], *lines)]
    first, *others = [" & ".join(line).translate(_LATEX) + r" \\" for line in (head, *lines)]
    begin, end = rf"\begin{{tabular}}{{l{'r' * numbers}}}", r"\end{tabular}"
    latex = [begin, r"\hline", first, r"\hline", *others, r"\hline", end]
    for path, text in ((folder / "results.md", markdown), (folder / "results.tex", latex)):
        path.write_text("\n".join([*text, ""]), encoding="utf-8")
    return [folder / "results.md", folder / "results.tex"]
