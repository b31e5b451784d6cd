"""Times written as text: dates with a time of day, or a time of day that goes on over midnight."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.data.readers.lines import MISSING, TIME

_DAY_NS = 86_400 * 10**9


class Clock:
    """Reads a column of times, a chunk after the other; strict: what is no time is refused, else it is missing."""

    def __init__(self, strict: bool) -> None:
        self._strict, self._days, self._last = strict, 0, np.nan

    def read(self, values: pa.Array) -> pa.Array:
        """Return timestamps, or durations since the first midnight, in ns; missing ones as null.

        Raises:
            pa.ArrowInvalid: a value is no time.
        """
        texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
        texts = pc.if_else(pc.is_in(texts, pa.array(sorted(MISSING))), None, texts)
        if not self._strict:
            texts = pc.if_else(pc.match_substring_regex(texts, f"^(?:{TIME})$"), texts, None)
        # As Arrow reads them: a point before fractions, two digits of hours, no blank before a zone.
        for wrong, right in ((",", "."), (r"(^|[T ])([0-9]:)", r"\10\2"), (r" ([Z+-])", r"\1")):
            texts = pc.replace_substring_regex(texts, wrong, right)
        first = next((text.as_py() for text in texts if text.is_valid), "")
        if first[:4].isdigit():
            zone = "UTC" if first[10:].strip("T 0123456789:.") else None
            return texts.cast(pa.timestamp("ns", zone))
        clock = pc.binary_join_element_wise("1970-01-01", texts, " ").cast(pa.timestamp("ns")).cast(pa.int64())
        times = np.array(clock.to_numpy(zero_copy_only=False), np.float64)
        there = ~np.isnan(times)
        # A day begins wherever the time falls back by more than half of one.
        days = self._days + np.cumsum(np.diff(times[there], prepend=self._last) < -_DAY_NS / 2)
        if there.any():
            self._days, self._last = days[-1], times[there][-1]
        times[there] += days * _DAY_NS
        return pa.array(times, from_pandas=True).cast(pa.int64()).cast(pa.duration("ns"))
