"""Columns of words: names of points, classes, recordings and sessions, whatever type each file gives them."""

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.layout import Layout
from forcepos.data.readers.lines import decoded, is_number
from forcepos.data.recordings import Int32
from forcepos.runtime.wording import visible_name

# As programs write numbers. 007 is none, and stays the word it is: different digits may be different names.
_PLAIN = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][+-][0-9]{1,3})?")
_TRUTH = {"true": "1", "false": "0"}


class Words:
    """A column of words, numbered from 0 on in order of first appearance.

    A number is one word, whatever its type: 3, 3.0 and the text 3.00 are `3`; true is 1, and false is 0.
    """

    def __init__(self, count: int, role: str, exact: bool = False) -> None:
        # Exact texts are taken as they are, even empty ones, others without spaces around them.
        self.role, self.exact = role, exact
        self.names, self._known = list[str](), dict[str, int]()
        self.numbers: Int32 = np.empty(count, np.int32)  # of each row; -1 where there is no word

    def number(self, name: str, key: str) -> int:
        """Return the number of a name, a new one for a new key; names with different keys are different."""
        if key not in self._known:
            self._known[key] = len(self.names)
            self.names.append(visible_name(name))
        return self._known[key]

    def encode(self, column: pa.Array, prefix: str = "") -> Int32:
        """Return the number of each of a column's values, (rows,)."""
        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        column = column.cast(pa.float32()) if pa.types.is_float16(column.type) else column
        encoded = column.dictionary_encode()
        places = np.asarray(encoded.indices.fill_null(-1), np.int64)
        values = encoded.dictionary.to_pylist()
        if pa.types.is_float32(column.type):  # 0.1, not 0.10000000149011612
            values = [value if value is None else np.float32(value) for value in values]
        words = map(self._word, values)
        # True is 1: the name is the first that was read, the key one for both.
        keys = ((word, _TRUTH.get(word.lower(), word) if word else word) for word in words)
        numbers = [-1 if word is None else self.number(prefix + word, f"{prefix}\0{key}") for word, key in keys]
        known = np.array([*numbers, -1], np.int32)  # the last one for places of -1
        return np.asarray(known[places])

    def _word(self, value: object) -> str | None:
        """Return the one word for a value, None if it is missing."""
        if value is None or value != value:  # noqa: PLR0124  # NaN is no word
            return None
        if isinstance(value, float | np.floating):
            return str(int(value)) if float(value).is_integer() else _written(str(value))
        text = decoded(value) if isinstance(value, bytes) else str(value)
        text = text if self.exact else text.strip()
        return None if text in Layout.missing and (text or not self.exact) else _written(text)

    @property
    def values(self) -> NDArray[Any]:
        """(count,) float64 where all words are numbers, all different; else the words as objects."""
        named: NDArray[Any] = np.array(self.names, object)
        if all(is_number(name, ".") for name in self.names) and len({*map(float, self.names)}) == len(self.names):
            named = named.astype(np.float64)
        return np.asarray(named[self.numbers])


def _written(text: str) -> str:
    """Write a plain number with all its digits and no others, `3` for `3.00`; leave any other text as it is."""
    if not _PLAIN.fullmatch(text):
        return text
    digits = f"{Decimal(text):f}"  # exact, where a float would lose digits of large numbers
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits == "-0" else digits
