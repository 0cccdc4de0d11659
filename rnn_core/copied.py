"""Is it copied? The longest stretch of words a headline shares with the training headlines.

The index is a Bloom filter (Bloom 1970): a row of bits in which every run of two or more words of
every training headline has set a few, at places its hash chooses. It holds no text and never
misses a run that is there; now and then it claims one that is not, at a rate that `build` measures.

A stretch of n words counts only if every run inside it is claimed too. So a stretch that is not
there is reported only if *each* absent run in it is claimed falsely: the filter's own rate where
only the stretch as a whole is new (its two halves of n - 1 words being real), and about that rate
again as a factor for every further absent run inside.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

CONFIG, BITS = "config.json", "model.safetensors"
HASH = "blake2b-64 of each word, chained by splitmix64, places by double hashing"

MOST_HASHES = 64  # places of a run, at most
MOST_BITS = 92.0  # for each run: more would call for more places than `MOST_HASHES`

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's step (Steele et al. 2014)
_WHOLE = np.uint64(0x632BE59BD9B4E019)  # sets a headline from start to end apart from a run
_BLOCK = 1 << 19  # runs at a time, to bound memory


class Shared(NamedTuple):
    """The longest stretch of a headline that stands in the training headlines.

    ``headline[start:end]`` is the stretch, ``words`` its length (0 where not even two words in a
    row are shared), ``whole`` whether the headline, start to end, is one of the training's.
    """

    words: int
    start: int
    end: int
    whole: bool


class CopyIndex:
    """A Bloom filter of word runs: ``bits`` uint8 [M / 8], ``hashes`` places for each run."""

    def __init__(self, bits: np.ndarray, hashes: int, about: dict):
        self.bits, self.hashes, self.about = bits, hashes, about

    @classmethod
    def build(
        cls,
        headlines: Sequence[str],
        *,
        bits_per_item: float = 8.0,
        probes: Sequence[str] | None = None,
        seed: int = 0,
    ) -> CopyIndex:
        """Index ``headlines``; measure the false-positive rates on ``probes``.

        Asked for are the runs that shuffling the words of each probe makes (of 20,000 of the
        headlines themselves where None are given), less those that really are in the index.
        Raises ValueError for headlines without a word.
        """
        if not 0 < bits_per_item <= MOST_BITS:
            raise ValueError(
                f"bits_per_item must be above 0 and at most {MOST_BITS:g}, got {bits_per_item}"
            )
        runs = []  # the distinct ones of each length
        for n, _, hashes, whole in _runs(headlines):
            runs.append(np.unique(np.concatenate([hashes if n > 1 else hashes[:0], whole])))
        items = sum(map(len, runs))
        if items == 0:
            raise ValueError(f"there is no word to index in {len(headlines)} headlines")
        size = 8 * max(1, round(items * bits_per_item / 8))
        hashes = max(1, round(bits_per_item * np.log(2)))  # Bloom's optimum
        flags = np.zeros(size, bool)
        for level in runs:
            for start in range(0, len(level), _BLOCK):
                flags[_places(level[start : start + _BLOCK], hashes, size)] = True
        index = cls(np.packbits(flags), hashes, {})
        rng = np.random.default_rng(seed)
        source = "headlines not in the index"
        if probes is None:
            source = "the indexed headlines"
            probes = [headlines[k] for k in rng.permutation(len(headlines))[:20_000]]
        index.about = {
            "headlines": len(headlines),
            "runs": items,
            "bits_per_item": bits_per_item,
            **index._false_positives([_shuffled(probe, rng) for probe in probes], runs),
            "measured_on": f"runs of {source}, their words shuffled, that are not in the index",
        }
        return index

    @property
    def false_positive_rate(self) -> float:
        """Share of absent runs that the filter claims, each asked for by itself."""
        return self.about["false_positive_rate"]

    @property
    def false_stretch_rate(self) -> float:
        """Share of absent runs that `longest` would count: those inside them are claimed too."""
        return self.about["false_stretch_rate"]

    def claims(self, runs: np.ndarray) -> np.ndarray:
        """Whether each run, a hash (uint64 [N]), may be in the index: bool [N]."""
        places = _places(runs, self.hashes, 8 * len(self.bits))
        bytes_ = self.bits[places >> np.uint64(3)]
        return (bytes_ >> (7 - (places & np.uint64(7)).astype(np.uint8)) & 1).all(axis=0)

    def longest(self, headline: str) -> Shared:
        """The longest stretch of whole words that counts; the first among equals."""
        words, first, whole = 0, 0, False
        for n, counts, complete in self._counts([headline]):
            if n > 1 and counts.any():
                words, first = n, int(np.argmax(counts))
            whole = bool(complete.any())
        spans = [found.span() for found in re.finditer(r"\S+", headline)]
        if whole:
            words, first = len(spans), 0
        if words == 0:
            return Shared(0, 0, 0, False)
        return Shared(words, spans[first][0], spans[first + words - 1][1], whole)

    def _counts(self, texts: Sequence[str]) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """For n = 1, 2, ...: which runs count, by their first word's place, and which texts do."""
        before = None
        for n, at, runs, whole in _runs(texts):
            if n == 1:  # single words are not indexed, and stand in nobody's way
                size = len(at)
                counts = np.ones(size, bool)
            else:
                counts = np.zeros(size, bool)
                counts[at] = self.claims(runs) & before[at] & before[at + 1]
            yield n, counts, self.claims(whole) & counts.any()
            before = counts

    def _false_positives(self, probes: Sequence[str], indexed: list[np.ndarray]) -> dict:
        asked = claimed = counted = 0
        for (n, at, runs, _), (_, counts, _) in zip(_runs(probes), self._counts(probes)):
            if n == 1:
                continue
            absent = np.ones(len(runs), bool)
            if n <= len(indexed):
                absent = ~np.isin(runs, indexed[n - 1])
            asked += int(absent.sum())
            claimed += int((self.claims(runs) & absent).sum())
            counted += int((counts[at] & absent).sum())
        return {
            "false_positive_rate": round(claimed / max(asked, 1), 6),
            "false_stretch_rate": round(counted / max(asked, 1), 6),
            "probes": asked,
        }

    def save(self, folder) -> None:
        """Write config.json and model.safetensors to ``folder``, each moved into place whole."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        raw = safetensors.numpy.save({"bits": self.bits})
        config = {
            "format": 1,
            "type": "CopyIndex",
            "hash": HASH,
            "hashes": self.hashes,
            "sha256": hashlib.sha256(raw).hexdigest(),
            "about": self.about,
        }
        for name, content in (
            (BITS, raw),
            (CONFIG, (json.dumps(config, indent=2) + "\n").encode()),
        ):
            (folder / (name + ".new")).write_bytes(content)
            os.replace(folder / (name + ".new"), folder / name)

    @classmethod
    def load(cls, folder) -> CopyIndex:
        """The index that `save` wrote.

        Raises FileNotFoundError, or ValueError with the file and the field at fault.
        """
        path, weights = Path(folder) / CONFIG, Path(folder) / BITS
        raw = weights.read_bytes()
        try:
            config = json.loads(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{path}: not JSON ({error})") from error
        if not isinstance(config, dict):
            raise ValueError(f"{path}: expected an object, got {type(config).__name__}")

        def must(field, found, expected, fine):
            if not fine:
                raise ValueError(f"{path}: field {field!r} must be {expected}, got {found!r}")

        for field, value in (("format", 1), ("type", "CopyIndex"), ("hash", HASH)):
            must(field, config.get(field), repr(value), config.get(field) == value)
        hashes, about = config.get("hashes"), config.get("about")
        fine = type(hashes) is int and 1 <= hashes <= MOST_HASHES
        must("hashes", hashes, f"from 1 to {MOST_HASHES}", fine)
        must("about", about, "an object", isinstance(about, dict))
        for field in ("false_positive_rate", "false_stretch_rate"):
            rate = about.get(field)
            must(
                f"about.{field}", rate, "a rate", isinstance(rate, (int, float)) and 0 <= rate <= 1
            )
        digest = hashlib.sha256(raw).hexdigest()
        if config.get("sha256") != digest:
            raise ValueError(
                f"{weights}: its sha256 is {digest}, {CONFIG} says {config.get('sha256')}"
            )
        try:
            bits = safetensors.numpy.load(raw)["bits"]
        except (safetensors.SafetensorError, KeyError) as error:
            raise ValueError(f"{weights}: holds no tensor 'bits' ({error})") from error
        if bits.dtype != np.uint8 or bits.ndim != 1 or len(bits) == 0:
            raise ValueError(f"{weights}: 'bits' must be uint8 [N], got {bits.dtype} {bits.shape}")
        return cls(bits, hashes, about)


def _runs(texts: Iterable[str]) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """All runs of n words of ``texts``, for n = 1, 2, ... up to the longest text.

    Yields n, the place of each run's first word among all words, its hash, and the hashes of the
    texts of n words from start to end.
    """
    known: dict[str, int] = {}
    flat, sizes = [], []
    for text in texts:
        words = text.split()
        sizes.append(len(words))
        for word in words:
            if word not in known:
                digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
                known[word] = int.from_bytes(digest, "little")
            flat.append(known[word])
    single, sizes = np.array(flat, np.uint64), np.array(sizes, np.int64)
    ends = np.repeat(np.cumsum(sizes), sizes)
    place = np.arange(len(single))
    left = ends - place  # words from here to the end of the text
    first = place == ends - np.repeat(sizes, sizes)
    runs = _mix(single)
    for n in range(1, int(sizes.max(initial=0)) + 1):
        if n > 1:
            inside = left[place] >= n
            place = place[inside]
            runs = _mix(runs[inside] * _GOLDEN ^ single[place + n - 1])
        whole = first[place] & (left[place] == n)
        yield n, place, runs, _mix(runs[whole] ^ _WHOLE)


def _mix(x: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser: every bit of uint64 ``x`` reaches every bit of the result."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _places(runs: np.ndarray, hashes: int, size: int) -> np.ndarray:
    """The bits that belong to each run: uint64 [hashes, N] (Kirsch & Mitzenmacher 2006)."""
    step = _mix(runs ^ _GOLDEN) | np.uint64(1)
    k = np.arange(hashes, dtype=np.uint64)[:, None]
    return (runs + k * step) % np.uint64(size)


def _shuffled(text: str, rng: np.random.Generator) -> str:
    words = text.split()
    return " ".join(words[k] for k in rng.permutation(len(words)))
