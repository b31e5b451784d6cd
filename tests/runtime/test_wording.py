"""Names in tables of Markdown."""

from __future__ import annotations

from forcepos.runtime.wording import code_span, markdown_table


def test_no_name_ends_a_cell_or_a_line_of_a_table() -> None:
    lines = [["name", "mm"], ["a|b", "1.0"], [code_span("F|x"), ""], ["two\nlines\x1b", "2.0"]]
    assert markdown_table(lines, "---:") == (
        r"""| name | mm |
| --- | ---: |
| a\|b | 1.0 |
| `F\|x` |  |
| two\x0alines\x1b | 2.0 |"""
    )
