"""Numbers in aligned columns, for people."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "   "


@dataclass(slots=True)
class Table:
    """A title, a head, rows, and what a reader must know to read them. First columns are text, the others figures."""

    title: str
    head: tuple[str, ...]
    text_columns: int = 1
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        self.rows.append(cells)

    def show(self) -> None:
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        rule = "-" * (sum(widths) + len(GAP) * (len(widths) - 1))
        shown = [self.title, "", self._line(self.head, widths), rule]
        shown += [self._line(row, widths) for row in self.rows]
        shown += ["", *self.notes] if self.notes else []
        sys.stdout.write("\n".join(shown) + "\n\n\n")
        sys.stdout.flush()

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        placed = [
            cell.ljust(width) if column < self.text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return GAP.join(placed).rstrip()


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Give the median, and the least and the most in brackets."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def milliseconds(seconds: Sequence[float]) -> str:
    """Give the spread of times in milliseconds."""
    return spread([1000 * each for each in seconds])


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> str:
    """Give the spread of the quotients, pair by pair."""
    return spread([above / below for above, below in zip(numerators, denominators, strict=True)], digits=2)


def difference(values: Sequence[float], others: Sequence[float]) -> float:
    """Give the difference of two medians."""
    return median(values) - median(others)
