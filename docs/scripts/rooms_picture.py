"""Write docs/pictures/rooms.svg: the rooms of the package and what each imports, as the code says."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

_TOP = Path(__file__).parents[2]
_PACKAGE = _TOP / "src/forcepos"
_WIDTH, _STEP, _BOX = 620, 58, (150, 38)  # pixels: of the picture, from room to room, of a box
_COLOURS = (
    "#1f77b4",
    "#d62728",
    "#2ca02c",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
    "#ff7f0e",
)


def rooms() -> list[str]:
    """Return the rooms from the top down, as import-linter's contract orders them."""
    contracts = tomllib.loads((_TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [layer.strip("()") for layer in layers]


def imports_of(room: str) -> set[str]:
    """Return the other rooms that a room's modules import."""
    found = {name.split(".")[1] for path in (_PACKAGE / room).rglob("*.py") for name in _names(path)}
    return found - {room}


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            if module == "forcepos" and isinstance(node, ast.ImportFrom):
                yield from (f"forcepos.{alias.name}" for alias in node.names)
            elif module.startswith("forcepos."):
                yield module


def picture() -> str:
    """Return the SVG: a box for each room, and an arc from it to each room below that it imports."""
    order = rooms()
    height = _STEP * len(order) + 20
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">']
    for place, room in enumerate(order):
        lines += _box(place, room)
        for below in sorted(imports_of(room) & {*order}, key=order.index):
            lines.append(_arc(place, order.index(below), _COLOURS[place % len(_COLOURS)]))
    return "\n".join([*lines, "</svg>", ""])


def _box(place: int, room: str) -> list[str]:
    y, (width, height) = 10 + _STEP * place, _BOX
    says = ((_PACKAGE / room / "__init__.py").read_text().split('"""')[1:2] or [""])[0].strip().split("\n")[0]
    return [
        f'<rect x="10" y="{y}" width="{width}" height="{height}" rx="6" fill="#8882" stroke="#888"/>',
        f'<text x="{10 + width / 2}" y="{y + 24}" text-anchor="middle" font-size="15" fill="#888">{room}</text>',
        f"<title>{escape(says)}</title>",
    ]


def _arc(above: int, below: int, colour: str) -> str:
    x = 10 + _BOX[0]
    start, end = (10 + _STEP * place + _BOX[1] / 2 for place in (above, below))
    start, end, out = start + 6, end - 8 + 1.5 * above, x + 45 * (below - above)
    tip = f"M{x + 9} {end - 4} L{x} {end} L{x + 9} {end + 4}"
    return f'<path d="M{x} {start} C{out} {start} {out} {end} {x + 2} {end} {tip}" fill="none" stroke="{colour}"/>'


if __name__ == "__main__":
    sys.stdout.write(picture())
