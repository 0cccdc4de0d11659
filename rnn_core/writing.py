"""Completions as a visitor works with them: a typed prefix, characters forced, tables to keep."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from rnn_core import sampling
from rnn_core.language import CharLM
from rnn_core.sampling import Completion
from rnn_core.text import END, VOCABULARY

#: Characters that a completion may have here, and so how many a prefix may have: any text that a
#: completion reaches can then be a prefix itself (`force`).
MAX_CHARS = 80
MAX_PREFIX = sampling.MAX_PREFIX - MAX_CHARS

_READABLE = frozenset(VOCABULARY) - {VOCABULARY[END]}
_PER_CHARACTER = Completion._fields[Completion._fields.index("ids") :]
_STRAIGHT = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-"})


def name_of(char: str) -> str:
    """A character as it can be read: ``“a”``, ``space``, ``end of headline``."""
    return {" ": "space", VOCABULARY[END]: "end of headline"}.get(char, f"“{char}”")


class Prefix(NamedTuple):
    text: str  # what the model is given
    notes: tuple[str, ...]  # what was changed, and what to beware of


def prepare(typed: str, seen: Sequence[str] | None = None) -> Prefix:
    """What was typed, as the models read it; ValueError says what they can't read.

    Capitals are lowered and curly quotes straightened. ``seen`` holds the characters of the
    training text, None where that is not known: one that never stood there is noted.
    """
    if len(typed) > MAX_PREFIX:
        raise ValueError(
            f"A beginning may have at most {MAX_PREFIX} characters, and this one has"
            f" {len(typed):,}. Headlines seldom have more than 60."
        )
    straight = typed.translate(_STRAIGHT)
    prefix = ""
    for written in straight:
        char = written.lower()  # of some letters, such as İ, that makes two
        if char not in _READABLE:
            name = unicodedata.name(written, "")
            shown = f"“{written}” " if written.isprintable() else ""
            raise ValueError(
                f"The models have no character {shown}(U+{ord(written):04X}{name and ', ' + name.lower()}):"
                " they know plain English letters, digits and signs. Take it out, and they go on."
            )
        prefix += char
    notes = []
    if prefix != straight:
        notes.append("Capitals were lowered: the models have only read small letters.")
    if straight != typed:
        notes.append("Curly quotes and long dashes were made plain.")
    strange = sorted(set(prefix) - set(seen)) if seen else []
    if strange:
        names = ", ".join(name_of(c) for c in strange)
        notes.append(
            f"No training headline had {names}: what the models make of"
            f" {'it' if len(strange) == 1 else 'them'} was never learned."
        )
    return Prefix(prefix, tuple(notes))


class Written(NamedTuple):
    """A completion as it stands, with what was forced on it."""

    completion: Completion
    row: int  # which completion of its seed it is
    forced: tuple[int, ...] = ()  # places of characters that were forced, not drawn


def write(model: CharLM, prefix: str, *, samples: int, **options) -> list[Written]:
    """``samples`` completions of `sampling.complete`, nothing forced yet."""
    found = sampling.complete(model, prefix, samples=samples, **options)
    return [Written(completion, row) for row, completion in enumerate(found)]


def force(model: CharLM, written: Written, k: int, char: str, **options) -> Written:
    """Put ``char`` at place ``k`` and let the model go on from there.

    ``options`` are those of `write`. Each later place draws with the random number it had before,
    so forcing what was drawn anyway changes nothing. Raises ValueError for a place that is not
    there and for a character outside the vocabulary.
    """
    old = written.completion
    if not 0 <= k < len(old.ids):
        raise ValueError(f"place must be from 0 to {len(old.ids) - 1}, got {k}")
    if char not in VOCABULARY:
        raise ValueError(f"char must be one of the vocabulary's {len(VOCABULARY)}, got {char!r}")
    new = VOCABULARY.index(char)
    parts = {name: getattr(old, name)[: k + 1].copy() for name in _PER_CHARACTER}
    parts["ids"][k] = new
    parts["probability"][k] = p = parts["raw"][k, new]
    parts["surprisal"][k] = -np.log2(np.maximum(p, np.finfo(np.float32).tiny))
    text = old.text[:k]
    left = options.get("max_chars", MAX_CHARS) - k - 1
    ended = new == END
    if not ended:
        text += char
        if left > 0:
            tail = sampling.complete(
                model,
                old.prefix + text,
                samples=written.row + 1,
                **{**options, "max_chars": left},
            )[written.row]
            parts = {n: np.concatenate([parts[n], getattr(tail, n)]) for n in _PER_CHARACTER}
            text, ended = text + tail.text, tail.ended
    forced = tuple(place for place in written.forced if place < k) + (k,)
    return Written(Completion(old.prefix, text, ended, **parts), written.row, forced)


class Summary(NamedTuple):
    bits_per_char: float  # over all characters drawn
    choices: float  # 2 ** that: as uncertain as among so many equally likely characters
    row: int  # where the least expected character stands
    k: int
    bits: float  # and what it cost


def summary(writings: Sequence[Written]) -> Summary:
    """Over the characters that were drawn; over all of them where every one was forced."""
    places = [
        (row, k)
        for row, w in enumerate(writings)
        for k in range(len(w.completion.ids))
        if k not in w.forced
    ] or [(row, k) for row, w in enumerate(writings) for k in w.forced]
    bits = [float(writings[row].completion.surprisal[k]) for row, k in places]
    mean, most = float(np.mean(bits)), int(np.argmax(bits))
    return Summary(mean, 2.0**mean, *places[most], bits[most])


def table(writings: Sequence[Written], **about) -> pd.DataFrame:
    """One row a completion; ``about`` (model, seed, ...) is repeated in every row."""
    return pd.DataFrame(
        [
            {
                **about,
                "completion": w.row + 1,
                "headline": w.completion.headline,
                "prefix": w.completion.prefix,
                "text": w.completion.text,
                "ended": w.completion.ended,
                "characters": len(w.completion.ids),
                "bits_per_char": w.completion.bits_per_char,
                "forced": " ".join(str(k + 1) for k in w.forced),
            }
            for w in writings
        ]
    )


def steps(writings: Sequence[Written], **about) -> pd.DataFrame:
    """One row a drawn character: its odds at every stage, and the random number."""
    frames = []
    for w in writings:
        c = w.completion
        at = np.arange(len(c.ids)), c.ids
        frame = pd.DataFrame(
            {
                "completion": w.row + 1,
                "place": at[0] + 1,
                "character": [name_of(VOCABULARY[i]) for i in c.ids],
                "probability": c.probability,
                "bits": c.surprisal,
                "after_temperature": c.tempered[at],
                "nucleus": c.nucleus,
                "renormalised": c.kept[at],
                "random_number": c.draw,
                "forced": np.isin(at[0], w.forced),
            }
        )
        frames.append(frame.assign(**about)[[*about, *frame.columns]])
    return pd.concat(frames, ignore_index=True)


def script(
    folder: str, prefix: str, samples: int, forced: Sequence[tuple[int, int, str]], **options
) -> str:
    """A Python script that gives the same completions; ``forced`` are (row, place, char)."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in options.items())
    lines = [
        '"""Carry the One: the same completions again. Invented headlines, not news."""',
        "",
        "from rnn_core import checkpoint, writing",
        "",
        f"model = checkpoint.load({folder!r})",
        f"options = dict({arguments})",
        f"headlines = writing.write(model, {prefix!r}, samples={samples}, **options)",
        *(
            f"headlines[{row}] = writing.force(model, headlines[{row}], {k}, {char!r}, **options)"
            for row, k, char in forced
        ),
        "for headline in headlines:",
        '    print(f"{headline.completion.bits_per_char:.2f}  {headline.completion.headline}")',
        "",
    ]
    return "\n".join(lines)
