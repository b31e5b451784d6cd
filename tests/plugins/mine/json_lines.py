"""Recordings in a file of JSON lines, an object for each row."""

import json
from dataclasses import dataclass
from itertools import islice

import forcepos
from forcepos.config.schema import key


@dataclass
class JsonLines(forcepos.Reader):
    comment: str = key("what lines that are no rows begin with", default="#")

    def matches(self, path, head):
        return path.suffix == ".jsonl" and head.lstrip().startswith((b"{", self.comment.encode()))

    def names(self, path):
        return list(next(self._rows(path)))

    def pieces(self, path, columns):
        rows = self._rows(path)
        while some := list(islice(rows, 10_000)):
            yield {name: [row[name] for row in some] for name in columns}

    def _rows(self, path):
        with path.open(encoding="utf-8") as file:
            yield from (json.loads(line) for line in file if not line.startswith(self.comment))
