"""Times written as text: dates with a time of day, or a time of day that goes on over midnight."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forcepos.data.readers.lines import MISSING, TIME
from forcepos.data.recordings import Float64

_DAY_NS = 86_400 * 10**9
_ZONE = re.compile(r":.*(Z|[+-])")


class Clock:
    """Reads a column of times, a chunk after the other.

    Args:
        strict: refuse what is no time; False: it is missing.
    """

    def __init__(self, strict: bool) -> None:
        self._strict, self._midnights, self._last = strict, 0.0, np.nan

    def read(self, values: pa.Array) -> pa.Array:
        """Return timestamps, or durations since the first midnight, in ns; missing ones as null.

        Raises:
            pa.ArrowInvalid: a value is no time.
        """
        texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
        texts = pc.if_else(pc.is_in(texts, pa.array(sorted(MISSING))), None, texts)
        known = pc.match_substring_regex(texts, f"^(?:{TIME.pattern})$")
        if self._strict and pc.any(pc.invert(known)).as_py():
            raise pa.ArrowInvalid("there are values that are no times")
        texts = pc.if_else(known, texts, None)
        # As Arrow reads them: a point before fractions, two digits of hours, no blank before a zone.
        for wrong, right in ((",", "."), (r"(^|[T ])([0-9]:)", r"\10\2"), (r" ([Z+-])", r"\1")):
            texts = pc.replace_substring_regex(texts, wrong, right)
        first = next((text for text in texts.to_pylist() if text), "")
        if first[:4].isdigit():
            return texts.cast(pa.timestamp("ns", "UTC" if _ZONE.search(first) else None))
        times = pc.binary_join_element_wise("1970-01-01", texts, " ").cast(pa.timestamp("ns"))
        since_midnight = times.cast(pa.int64()).cast(pa.float64()).to_numpy(zero_copy_only=False)
        return self._over_midnight(np.asarray(since_midnight))

    def _over_midnight(self, times: Float64) -> pa.Array:
        """Add a day, of (rows,) ns, wherever the time falls back by more than half of one."""
        steps = np.diff(times, prepend=self._last)
        days = self._midnights + np.cumsum(steps < -_DAY_NS / 2)
        if len(times):
            self._midnights, self._last = days[-1], times[-1]
        nanoseconds = times + days * _DAY_NS
        return pa.array(nanoseconds, from_pandas=True).cast(pa.int64()).cast(pa.duration("ns"))
