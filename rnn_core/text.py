"""Headlines as numbers: the vocabulary, a reader for files, batches by length."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Iterator, NamedTuple

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
    raw = _unpack(path)
    try:
        raw.decode("utf-8") if len(raw) < 1 << 16 else _check_utf8(raw)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}: line {line} is not UTF-8 (byte 0x{raw[error.start]:02X})"
        ) from None
    names: tuple[str, ...] = ("all",)
    groups: np.ndarray | None = None
    if ".csv" in path.name.lower() or path.suffix.lower() == ".zip":
        header = pd.read_csv(io.BytesIO(raw), nrows=0)
        found = [str(c) for c in header.columns]
        for wanted in [column] + ([group] if group else []):
            if wanted not in found:
                raise ValueError(f"{path}: there is no column {wanted!r}, found {found}")
        frame = pd.read_csv(
            io.BytesIO(raw),
            usecols=[column] + ([group] if group else []),
            dtype=str,
            keep_default_na=False,
        )
        texts = frame[column]
        if group:
            values = frame[group].astype("category")
            groups, names = values.cat.codes.to_numpy(), tuple(values.cat.categories)
        del frame
    else:
        texts = pd.Series(raw.decode("utf-8").splitlines(), dtype=str)
    del raw
    lengths = texts.str.len()
    empty = texts.str.strip() == ""
    unknown = ~empty & ~texts.str.fullmatch(r"[ -~]*")
    too_long = ~empty & ~unknown & (lengths > max_chars)
    keep = ~(empty | unknown | too_long)
    skipped = Skipped(
        int(empty.sum()),
        int(unknown.sum()),
        int(too_long.sum()),
        str(texts[unknown].iloc[0]) if unknown.any() else "",
    )
    if not keep.any():
        raise ValueError(f"{path}: no usable headline among {len(texts)} rows ({skipped})")
    kept = texts[keep].tolist()
    groups = np.zeros(len(texts), np.int16) if groups is None else groups
    return Headlines._pack(kept, groups[keep.to_numpy()], names), skipped


def _unpack(path: Path) -> bytes:
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as file:
            return file.read()
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            inside = [n for n in archive.namelist() if n.lower().endswith(".csv")]
            if len(inside) != 1:
                raise ValueError(
                    f"{path}: expected one .csv in the archive, found {archive.namelist()}"
                )
            return archive.read(inside[0])
    return path.read_bytes()


def _check_utf8(raw: bytes) -> None:
    """Decode in pieces, so that a large file is not held a second time."""
    import codecs

    decoder, at = codecs.getincrementaldecoder("utf-8")(), 0
    step = 1 << 20
    for at in range(0, len(raw), step):
        try:
            decoder.decode(raw[at : at + step], final=at + step >= len(raw))
        except UnicodeDecodeError as error:
            pending = len(error.object) - len(raw[at : at + step])
            start = at + error.start - pending
            raise UnicodeDecodeError("utf-8", raw, start, start + 1, error.reason) from None


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
    (above 1: whole passes and a rest). The rows left over in a width wait for another pass.
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
