"""Headlines as numbers: the vocabulary, a reader for files, batches by length."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pandas as pd

#: Id 0 is the end of a headline, and what stands before its first character; then printable ASCII.
END = 0
VOCABULARY = ("\n",) + tuple(chr(code) for code in range(0x20, 0x7F))
V = len(VOCABULARY)

_ID = np.full(256, -1, np.int16)
for _id, _char in enumerate(VOCABULARY):
    _ID[ord(_char)] = _id


class UnknownCharacter(ValueError):
    """A character outside the vocabulary."""


def encode(text: str) -> np.ndarray:
    """The ids of a headline's characters, without the end: int32 [len(text)]."""
    for position, char in enumerate(text):
        if not " " <= char <= "~":
            raise UnknownCharacter(
                f"{char!r} (U+{ord(char):04X}) at position {position + 1} is not in the vocabulary:"
                " printable ASCII, space to ~"
            )
    return _ID[np.frombuffer(text.encode("ascii"), np.uint8)].astype(np.int32)


def decode(ids) -> str:
    """The text of ids up to the first end of headline."""
    chars = []
    for i in np.asarray(ids).tolist():
        if i == END:
            break
        chars.append(VOCABULARY[i])
    return "".join(chars)


class Headlines(NamedTuple):
    """Many headlines in one array: headline k is ``codes[starts[k]:starts[k + 1]]``."""

    codes: np.ndarray  # uint8 ids, without ends
    starts: np.ndarray  # int64 [N + 1]
    groups: np.ndarray  # int16 [N], index into `names`: where a row came from
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Characters of each headline with its end: [N]."""
        return np.diff(self.starts) + 1

    def text(self, k: int) -> str:
        return decode(self.codes[self.starts[k] : self.starts[k + 1]])

    def texts(self) -> Iterator[str]:
        return map(self.text, range(len(self)))

    def take(self, rows: np.ndarray) -> Headlines:
        """The headlines at ``rows``, in that order."""
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(self.lengths[rows] - 1, out=starts[1:])
        at = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], np.diff(starts))
        return Headlines(self.codes[at], starts, self.groups[rows], self.names)

    @classmethod
    def of(cls, texts, groups=None, names=("all",)) -> Headlines:
        """Encode ``texts``; the first with an unknown character is named in the error."""
        for k, text in enumerate(texts):
            try:
                encode(text)
            except UnknownCharacter as error:
                raise UnknownCharacter(f"headline {k + 1}: {error}") from error
        return cls._pack(texts, np.zeros(len(texts), np.int16) if groups is None else groups, names)

    @classmethod
    def _pack(cls, texts, groups, names) -> Headlines:
        starts = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(t) for t in texts], out=starts[1:])
        raw = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
        return cls(_ID[raw].astype(np.uint8), starts, np.asarray(groups, np.int16), tuple(names))


class Skipped(NamedTuple):
    """Rows a reader left out, and why."""

    empty: int
    unknown: int  # rows with a character outside the vocabulary
    too_long: int
    example: str  # the first row left out for an unknown character


def read(
    path, *, column: str = "headline_text", group: str | None = None, max_chars: int = 200
) -> tuple[Headlines, Skipped]:
    """Read headlines from ``.csv``, ``.csv.gz``, a ``.zip`` of one, or text with one a line.

    ``group`` names a column that says where a row came from. Rows that are empty, longer than
    ``max_chars`` or hold a character outside the vocabulary are left out and counted.
    """
    path = Path(path)
    codes, lengths, groups = [], [], []
    seen: dict[str, int] = {}
    rows, empty, unknown, too_long, example = 0, 0, 0, 0, ""
    try:
        for texts, values in _pieces(path, column, group):
            is_empty = texts.str.strip() == ""
            is_unknown = ~is_empty & ~texts.str.fullmatch(r"[ -~]*")
            is_long = ~is_empty & ~is_unknown & (texts.str.len() > max_chars)
            if not example and is_unknown.any():
                example = str(texts[is_unknown].iloc[0])
            rows, empty = rows + len(texts), empty + int(is_empty.sum())
            unknown, too_long = unknown + int(is_unknown.sum()), too_long + int(is_long.sum())
            keep = ~(is_empty | is_unknown | is_long)
            kept = texts[keep].tolist()
            codes.append(
                _ID[np.frombuffer("".join(kept).encode("ascii"), np.uint8)].astype(np.uint8)
            )
            lengths.append(np.fromiter(map(len, kept), np.int64, len(kept)))
            groups.append([seen.setdefault(v, len(seen)) for v in values[keep]] if group else [])
    except UnicodeDecodeError:
        raise ValueError(f"{path}: {_not_utf8(path)}") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise ValueError(f"{path}: {str(error).strip()}") from error
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path}: can't be unpacked ({error})") from error
    skipped = Skipped(empty, unknown, too_long, example)
    if not sum(map(len, lengths)):
        raise ValueError(f"{path}: no usable headline among {rows} rows ({skipped})")
    starts = np.concatenate([[0], *lengths])
    np.cumsum(starts, out=starts)
    where = np.zeros(len(starts) - 1, np.int16)
    if group:
        # Names in alphabetical order, whatever the order of the rows.
        place = np.argsort(np.argsort(list(seen)))
        where = place[np.concatenate(groups)].astype(np.int16)
    names = tuple(sorted(seen)) if group else ("all",)
    return Headlines(np.concatenate(codes), starts, where, names), skipped


#: Rows that a reader holds as strings at a time: what it takes beside the result.
_PIECE = 100_000


def _pieces(path: Path, column: str, group: str | None) -> Iterator[tuple[pd.Series, pd.Series]]:
    """The headlines of a file and their groups, some rows at a time."""
    if ".csv" not in path.name.lower() and path.suffix.lower() != ".zip":
        if group is not None:
            raise ValueError(
                f"{path}: a group needs a .csv, .csv.gz or .zip, for text has no columns,"
                f" got group {group!r}"
            )
        with _open(path) as file:
            lines = io.TextIOWrapper(file, "utf-8-sig")
            while piece := [line.rstrip("\n") for line in itertools.islice(lines, _PIECE)]:
                yield pd.Series(piece, dtype=str), pd.Series()
        return
    wanted = [column] + ([group] if group else [])
    with _open(path) as file:
        found = [str(name) for name in pd.read_csv(file, nrows=0).columns]
    for name in wanted:
        if name not in found:
            raise ValueError(f"{path}: there is no column {name!r}, found {found}")
    with _open(path) as file:
        for frame in pd.read_csv(
            file, usecols=wanted, dtype=str, keep_default_na=False, chunksize=_PIECE
        ):
            yield frame[column], frame[wanted[-1]]


@contextlib.contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, or of what is packed in it."""
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as file:
            yield file
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            inside = [n for n in archive.namelist() if n.lower().endswith(".csv")]
            if len(inside) != 1:
                raise ValueError(
                    f"{path}: expected one .csv in the archive, found {archive.namelist()}"
                )
            with archive.open(inside[0]) as file:
                yield file
    else:
        with open(path, "rb") as file:
            yield file


def _not_utf8(path: Path) -> str:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"line {number} is not UTF-8 (byte 0x{line[error.start]:02X})"
    return "not UTF-8"


def hold_out(headlines: Headlines, count: int = 2000, *, seed: int) -> tuple[Headlines, Headlines]:
    """(the others, ``count`` headlines drawn by ``seed``); a tenth where there are few."""
    count = max(1, min(count, len(headlines) // 10))
    rows = np.random.default_rng([seed, count]).permutation(len(headlines))
    return headlines.take(np.sort(rows[count:])), headlines.take(np.sort(rows[:count]))


class Batch(NamedTuple):
    ids: np.ndarray  # int32 [B, T]: the characters, then ends
    lengths: np.ndarray  # int32 [B]: characters that count, the end among them; 0 for a filler row


def width_of(lengths: np.ndarray, step: int = 4, least: int = 24) -> np.ndarray:
    """The padded width of a row: few widths, since each costs a compiled program."""
    return np.maximum((lengths + step - 1) // step * step, least)


def pad(headlines: Headlines, rows: np.ndarray, width: int, size: int | None = None) -> Batch:
    """Rows side by side, ``size`` of them (filled up with empty ones), ``width`` wide."""
    size = len(rows) if size is None else size
    ids, lengths = np.zeros((size, width), np.int32), np.zeros(size, np.int32)
    for at, k in enumerate(rows):
        piece = headlines.codes[headlines.starts[k] : headlines.starts[k + 1]]
        ids[at, : len(piece)] = piece
        lengths[at] = len(piece) + 1
    return Batch(ids, lengths)


def by_length(headlines: Headlines, size: int) -> Iterator[Batch]:
    """Every headline once, in batches of ``size`` rows of about one length, for evaluation."""
    lengths = headlines.lengths
    widths = width_of(lengths)
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        for start in range(0, len(rows), size):
            yield pad(headlines, rows[start : start + size], int(width), size)


def epoch(
    headlines: Headlines, size: int, *, seed: int, shares: dict[str, float] | None = None
) -> list[tuple[int, np.ndarray]]:
    """One pass in random order: a list of (width, rows), every batch full.

    ``shares`` gives the share of each group's rows that a pass takes, freshly drawn each time
    (above 1: whole passes and a rest); none of a group it doesn't name. The rows left over in a
    width wait for another pass.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for g, name in enumerate(headlines.names):
        rows = np.flatnonzero(headlines.groups == g)
        share = 1.0 if shares is None else shares.get(name, 0.0)
        whole = int(share)
        chosen += [rows] * whole
        chosen.append(rng.permutation(rows)[: round((share - whole) * len(rows))])
    rows = rng.permutation(np.concatenate(chosen))
    widths = width_of(headlines.lengths[rows])
    plan = []
    for width in np.unique(widths):
        inside = rows[widths == width]
        plan += [
            (int(width), inside[start : start + size])
            for start in range(0, len(inside) - size + 1, size)
        ]
    return [plan[k] for k in rng.permutation(len(plan))]
