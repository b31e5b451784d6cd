"""One pass over all tables: what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.guesses import guess, guess_roles
from forcepos.commands.inspect.parts import read_part
from forcepos.commands.inspect.reading import Reading, Recording, seconds
from forcepos.commands.inspect.roles import Guesses, Told
from forcepos.commands.inspect.sources import Source
from forcepos.commands.inspect.times import Times, usual_step
from forcepos.data.recordings import Float64
from forcepos.runtime.errors import InputError

_LOOKED_AT = 50_000  # rows that tell which column is what


@dataclass
class Survey:
    """What was seen.

    Attributes:
        sample: of the columns with numbers, rows at equal distances; number of the recording, seconds, then those.
        numbers: the names of those columns.
    """

    sources: Sequence[Source]
    columns: dict[str, Column]
    guesses: Guesses
    times: Times
    recordings: list[Recording]
    numbers: tuple[str, ...]
    sample: Float64
    left_out: Sequence[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(recording.rows for recording in self.recordings)

    @property
    def points(self) -> list[str]:
        """The touched points, where a column names them."""
        return list(dict.fromkeys(recording.point for recording in self.recordings if recording.point))

    @property
    def cut_by_time(self) -> bool:
        """Whether gaps in time are all that tells recordings apart."""
        return len(self.recordings) > len(self.sources) and not (self.guesses.recording or self.guesses.point)


def survey(
    sources: Sequence[Source], left_out: Sequence[str], told: Told, after_part: Callable[[], None]
) -> Survey:
    """Read everything once; `after_part` is called again and again.

    Raises:
        InputError: there are no rows, or a file cannot be read.
    """
    guesses, usual_s = _first_look(sources, told)
    columns = [Column(name) for name in sources[0].columns]
    reading = Reading(guesses, columns, Times(usual_s))
    for source in sources:
        reading.file(source.path.stem)
        for part in read(source):
            reading.part(part)
            after_part()
    reading.end()
    by_name = {column.name: column for column in columns}
    guess_roles(guesses, by_name, told)
    return Survey(
        sources,
        by_name,
        guesses,
        reading.times,
        reading.recordings,
        reading.numbers,
        reading.sample.rows,
        left_out,
    )


def _first_look(sources: Sequence[Source], told: Told) -> tuple[Guesses, float]:
    """What the first rows tell, of as many files as it takes."""
    columns = [Column(name) for name in sources[0].columns]
    start: dict[str, list[Float64]] = {}
    rows = 0
    for part in _parts(sources):
        for column, numbers, _ in read_part(part, columns):
            if numbers is not None:
                start.setdefault(column.name, []).append(numbers)
        rows += part.num_rows
        if rows >= _LOOKED_AT:
            break
    if not rows:
        raise InputError(f"{', '.join(str(source.path) for source in sources[:3])}: no rows")
    first = {name: np.concatenate(numbers) for name, numbers in start.items()}
    guesses = guess({column.name: column for column in columns}, first, told)
    if not guesses.time:
        return guesses, 0.0
    known = first[guesses.time[0]][np.isfinite(first[guesses.time[0]])]
    guesses.origin = float(known[0]) if len(known) else 0.0
    return guesses, usual_step(seconds(guesses, first))


def _parts(sources: Sequence[Source]) -> Iterator[pa.Table]:
    for source in sources:
        yield from read(source)


def read(source: Source) -> Iterator[pa.Table]:
    """The parts of a table.

    Raises:
        InputError: it cannot be read.
    """
    try:
        yield from (part for part in source.parts() if part.num_rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{source.path} cannot be read: {str(error).partition(chr(10))[0]}") from error
