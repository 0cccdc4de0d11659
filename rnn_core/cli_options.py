"""What several commands share: numbers checked as they are read, and files of headlines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A type for argparse: a whole number from ``low``, up to ``high`` where there is one."""
    expected = f"a whole number from {low:,}" + ("" if high is None else f" to {high:,}")

    def number(value: str) -> int:
        try:
            found = int(value)
        except ValueError:
            found = None
        if found is None or found < low or (high is not None and found > high):
            raise argparse.ArgumentTypeError(f"must be {expected}, got {value!r}")
        return found

    return number


#: Seeds of every command, as on the pages.
seed = whole(0, 2**31 - 1)


def add_column(command) -> None:
    command.add_argument("--column", default="headline_text", help="of a CSV (headline_text)")


def read_headlines(file, *, column: str, group: str | None = None):
    """The headlines in ``file``; rows that are left out are told on standard error."""
    from rnn_core import text

    headlines, skipped = text.read(file, column=column, group=group)
    if any(skipped[:3]):
        example = f", such as {skipped.example!r}" if skipped.example else ""
        print(
            f"{Path(file).name}: left out {skipped.empty:,} empty rows, {skipped.unknown:,} with a"
            f" character outside printable ASCII{example}, {skipped.too_long:,} too long",
            file=sys.stderr,
        )
    return headlines
