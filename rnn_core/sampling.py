"""Completing a headline: temperature, nucleus, one draw a character, and the odds it had."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rnn_core import text
from rnn_core.language import CharLM
from rnn_core.text import END, V

#: Rows of the one compiled program. Always this many, so that a completion does not depend on
#: how many are asked for at once (a product of another shape may round differently).
ROWS = 8
#: Characters of prefix and completion together that the program has room for.
ROOM = 320
MAX_PREFIX = 200
MAX_CHARS = ROOM - MAX_PREFIX
#: Beyond these, logits / temperature leaves the range of float32 or says nothing more.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.001, 1000.0


class Completion(NamedTuple):
    """One completion. The arrays have one row for each drawn character, the end among them."""

    prefix: str
    text: str  # what follows the prefix, without the end
    ended: bool  # whether the model ended the headline, or the room did
    ids: np.ndarray  # int32 [N]: the characters drawn
    probability: np.ndarray  # [N]: the model's own odds of each, before temperature and nucleus
    surprisal: np.ndarray  # [N]: -log2 probability, in bits
    nucleus: np.ndarray  # int32 [N]: how many characters the nucleus held
    draw: np.ndarray  # [N]: the random number in [0, 1) that chose
    raw: np.ndarray  # [N, V]: the model's distribution
    tempered: np.ndarray  # [N, V]: after temperature
    kept: np.ndarray  # [N, V]: cut to the nucleus and renormalised: what was drawn from

    @property
    def headline(self) -> str:
        return self.prefix + self.text

    @property
    def bits_per_char(self) -> float:
        """Mean surprisal of the drawn characters; nan where none was drawn."""
        return float(self.surprisal.mean()) if len(self.surprisal) else math.nan


class Choice(NamedTuple):
    """One step of sampling for every row."""

    ids: tf.Tensor  # int32 [B]
    raw: tf.Tensor  # [B, V]
    tempered: tf.Tensor  # [B, V]
    kept: tf.Tensor  # [B, V]


def choose(logits: tf.Tensor, draw: tf.Tensor, top_p, temperature) -> Choice:
    """Draw a character from ``logits`` [B, V] with the random numbers ``draw`` [B].

    The nucleus (Holtzman et al. 2020, arXiv 1904.09751) is the smallest set of most likely
    characters whose mass after temperature is at least ``top_p``; its odds are renormalised. The
    numbers land on their cumulative bar, the most likely character first.
    """
    raw = tf.nn.softmax(logits)
    tempered = tf.nn.softmax(logits / temperature)
    # Ranks by comparing all pairs: for a vocabulary this small, faster than sorting.
    mine, other = tempered[:, :, None], tempered[:, None, :]
    index = tf.range(V)
    ahead = (other > mine) | ((other == mine) & (index[None, :] < index[:, None]))  # [B, V, V]
    before = tf.reduce_sum(tf.where(ahead, other, 0.0), axis=-1)  # the mass of those ahead
    # The first is always inside. Rounding may bring the mass to 1 early: top_p 1 keeps them all.
    inside = (before < top_p) | (before == 0.0) | (top_p >= 1.0)
    kept = tf.where(inside, tempered, 0.0)
    mass = tf.reduce_sum(kept, axis=-1, keepdims=True)
    # On the bar, a character lies from `before` on: the last that begins at or below the number.
    begun = (kept > 0.0) & (before <= draw[:, None] * mass)
    ids = tf.argmax(tf.where(begun, before, -1.0), axis=-1, output_type=tf.int32)
    return Choice(ids, raw, tempered, kept / mass)


@functools.cache
def _program():
    """The loop over characters, compiled once a model shape for all prefixes and settings."""

    @tf.function(jit_compile=True, autograph=False)
    def generate(model: CharLM, forced, given, steps, draws, top_p, temperature):
        """forced int32 [ROOM], its first ``given`` ids are the prefix; draws [ROWS, ROOM]."""
        record = Choice(
            tf.zeros([ROOM, ROWS], tf.int32), *(tf.zeros([ROOM, ROWS, V]) for _ in range(3))
        )

        def body(t, context, state, ended, record):
            logits, state = model.step(context, state)
            choice = choose(logits, draws[:, t], top_p, temperature)
            ids = tf.where(t < given, tf.fill([ROWS], forced[t]), choice.ids)
            record = tf.nest.map_structure(
                lambda all, row: tf.tensor_scatter_nd_update(all, [[t]], [row]),
                record,
                choice._replace(ids=ids),
            )
            context = tf.concat([context[:, 1:], ids[:, None]], axis=1)
            return t + 1, context, state, ended | (ids == END), record

        def unfinished(t, context, state, ended, record):
            return (t < given + steps) & ~tf.reduce_all(ended)

        context = tf.fill([ROWS, model.order], END)
        start = (0, context, model.cell.zero_state(ROWS), tf.zeros([ROWS], tf.bool), record)
        return tf.while_loop(unfinished, body, start)[-1]

    return generate


def complete(
    model: CharLM,
    prefix: str,
    *,
    samples: int = 1,
    top_p: float = 0.9,
    temperature: float = 1.0,
    max_chars: int = 80,
    seed: int = 0,
) -> list[Completion]:
    """Let ``model`` go on from ``prefix`` (empty: from nothing), ``samples`` times.

    Completion k of a seed is the same text whatever ``samples`` is. Raises ValueError for a value
    out of range and `text.UnknownCharacter` for a prefix outside the vocabulary.
    """
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be in (0, 1], got {top_p}")
    if not MIN_TEMPERATURE <= temperature <= MAX_TEMPERATURE:
        raise ValueError(
            f"temperature must be from {MIN_TEMPERATURE} to {MAX_TEMPERATURE:g}, got {temperature}"
        )
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if not 1 <= max_chars <= MAX_CHARS:
        raise ValueError(f"max_chars must be from 1 to {MAX_CHARS}, got {max_chars}")
    if len(prefix) > MAX_PREFIX:
        raise ValueError(f"the prefix must have at most {MAX_PREFIX} characters, got {len(prefix)}")
    ids = text.encode(prefix)
    forced = np.zeros(ROOM, np.int32)
    forced[: len(ids)] = ids
    found: list[Completion] = []
    for start in range(0, samples, ROWS):
        draws = np.stack([random_numbers(seed, start + row) for row in range(ROWS)])
        record = _program()(
            model,
            tf.constant(forced),
            tf.constant(len(ids)),
            tf.constant(max_chars),
            tf.constant(draws),
            tf.constant(top_p, tf.float32),
            tf.constant(temperature, tf.float32),
        )
        record = Choice(*(t.numpy() for t in record))
        for row in range(min(ROWS, samples - start)):
            found.append(_completion(prefix, record, draws, row, len(ids), max_chars))
    return found


def sample(model: CharLM, count: int, **options) -> list[Completion]:
    """``count`` headlines from nothing; ``options`` as for `complete`."""
    return complete(model, "", samples=count, **options)


def random_numbers(seed: int, row: int) -> np.ndarray:
    """The numbers in [0, 1) that completion ``row`` of ``seed`` draws with, one a position."""
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    return np.random.default_rng([seed, row]).random(ROOM, np.float32)


def _completion(prefix, record: Choice, draws, row, given, max_chars) -> Completion:
    ids = record.ids[given : given + max_chars, row]
    ends = np.flatnonzero(ids == END)
    count = int(ends[0]) + 1 if len(ends) else max_chars
    drawn = slice(given, given + count)
    ids = ids[:count]
    probability = record.raw[drawn, row][np.arange(count), ids]
    return Completion(
        prefix,
        text.decode(ids),
        bool(len(ends)),
        ids,
        probability,
        -np.log2(np.maximum(probability, np.finfo(np.float32).tiny)),
        np.count_nonzero(record.kept[drawn, row], axis=-1).astype(np.int32),
        draws[row, drawn],
        record.raw[drawn, row],
        record.tempered[drawn, row],
        record.kept[drawn, row],
    )
