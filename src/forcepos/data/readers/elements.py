"""Elements of lists and fields of structures as columns: `observation.state[3]`, `wrench.force.x`."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from forcepos.runtime.wording import visible_name

MOST = 1024  # elements of a list or an array that are signals; pictures and point clouds have more
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)

FirstRows = Callable[[Sequence[str]], pa.RecordBatch | None]  # some of the columns of these names
Step = str | tuple[int, int]  # to a field, or to an element: its place, and how many elements every list has


class Element(NamedTuple):
    """A column of numbers or words: a column of the file, or what these steps lead to in each of its rows."""

    name: str
    parent: int
    kind: pa.DataType
    steps: tuple[Step, ...] = ()


def find_elements(schema: pa.Schema, first_rows: FirstRows) -> list[Element]:
    """List all elements; the first rows tell how long lists are.

    A list stays whole where its length differs there, or is more than that of signals.
    """
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    rows = first_rows(nested) if nested else None
    values = {name: rows.column(name) for name in nested} if rows else {}
    columns = [Element(field.name, place, field.type) for place, field in enumerate(schema)]
    return [one for column in columns for one in _parts(column, values.get(column.name))]


def _parts(whole: Element, values: pa.Array | None) -> Iterator[Element]:
    steps: list[tuple[str, Step, pa.DataType]] = []
    if values is not None and pa.types.is_struct(whole.kind):
        steps = [(f".{field.name}", field.name, field.type) for field in whole.kind]
    elif values is not None and any(one(whole.kind) for one in _LISTS):
        sizes = pc.list_value_length(values).drop_null().unique().to_pylist()
        size = sizes[0] if len(sizes) == 1 and sizes[0] <= MOST else 0
        steps = [(f"[{index}]", (index, size), whole.kind.value_type) for index in range(size)]
    for name, step, kind in steps:
        yield from _parts(
            Element(whole.name + name, whole.parent, kind, (*whole.steps, step)), _step(values, step)
        )
    if not steps:
        yield whole


def _step(values: pa.Array, step: Step) -> pa.Array:
    return pc.struct_field(values, [step]) if isinstance(step, str) else pc.list_element(values, step[0])


def take(values: pa.Array, element: Element, row: int) -> pa.Array:
    """Return an element of each row, null where a list or a structure is; `row`: the number of the first one.

    Raises:
        ValueError: a list has another length than those in the first rows.
    """
    for step in element.steps:
        if not isinstance(step, str):
            lengths = pc.list_value_length(values)
            odd = pc.index(pc.not_equal(lengths, step[1]), True).as_py()
            if odd >= 0:
                found = f"has {lengths[odd]} elements, not {step[1]}"
                raise ValueError(f"{visible_name(element.name)}: the list in row {row + odd} {found}")
        values = _step(values, step)
    return values
