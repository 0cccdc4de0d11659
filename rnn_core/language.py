"""A character-level language model: its equations, its held-out figure, its gradient's loss."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from rnn_core import text
from rnn_core.cells import CELLS, glorot, matmul
from rnn_core.checkpoint import known
from rnn_core.stacks import SkipStack, Stack
from rnn_core.tables import ByteTable, bucket, look_up
from rnn_core.text import END, V
from rnn_core.unroll import Trace, unroll


@known
class CharLM(NamedTuple):
    """Odds of the next character, given those before it.

        x_t      = embedding[c_t] + sum over n of ngrams[n - 2][bucket(c_{t-n+1} .. c_t)]
        h_t      = cell(x_t, state)
        logits_t = [h_t, x_t] W + b

    The n-gram embeddings (hashed, as in Pagnoni et al. 2024, arXiv 2412.09871) spare the
    recurrent layers from spelling; with none, x is the character's embedding alone. The read-out
    sees x too (skip connection, Graves 2013, arXiv 1308.0850). Every headline starts from the zero
    state and from END, which stands for all that comes before it.
    """

    embedding: tf.Tensor  # [V, E]
    ngrams: tuple  # one table [buckets, E] for n = 2, 3, ..., tensors or `ByteTable`s
    cell: Any
    W: tf.Tensor  # [H + E, V]
    b: tf.Tensor  # [V]

    @classmethod
    def init(
        cls,
        unit: str,
        depth: int,
        units: int,
        *,
        embedding: int,
        buckets: tuple[int, ...] = (),
        skip: bool = False,
        seed: int,
    ) -> CharLM:
        """``depth`` layers of ``units``; ``buckets`` holds the table sizes for n = 2, 3, ..."""
        if unit not in CELLS:
            raise ValueError(f"unit must be one of {sorted(CELLS)}, got {unit!r}")
        for name, value in (("depth", depth), ("units", units), ("embedding", embedding)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        rng = np.random.default_rng(seed)

        def normal(sd, *shape):
            return tf.constant(rng.normal(0, sd, shape).astype(np.float32))

        wiring = SkipStack if skip else Stack
        cell = wiring.init([CELLS[unit]] * depth, embedding, units, seed=seed)
        return cls(
            normal(0.5, V, embedding),
            # Zeros, so that an n-gram never seen says nothing.
            tuple(tf.zeros([size, embedding]) for size in buckets),
            cell,
            tf.constant(glorot(rng, cell.units + embedding, V)),
            tf.zeros([V]),
        )

    def in_bytes(self) -> CharLM:
        """The same model with its n-gram tables rounded to bytes, to be kept and used."""
        return self._replace(ngrams=tuple(ByteTable.of(table) for table in self.ngrams))

    def in_floats(self) -> CharLM:
        """The same model with its n-gram tables as tensors, to be trained."""
        return self._replace(
            ngrams=tuple(look_up(table, tf.range(table.shape[0])) for table in self.ngrams)
        )

    @property
    def order(self) -> int:
        """How many characters back the embeddings see."""
        return 1 + len(self.ngrams)

    def check(self) -> None:
        """Raise ValueError where shapes disagree."""
        E = self.embedding.shape[-1]
        expected = {
            "embedding": [V, E],
            "W": [self.cell.units + E, V],
            "b": [V],
            **{f"ngrams.{k}": [t.shape[0], E] for k, t in enumerate(self.ngrams)},
        }
        actual = {"embedding": self.embedding, "W": self.W, "b": self.b}
        actual |= {f"ngrams.{k}": t for k, t in enumerate(self.ngrams)}
        for name, shape in expected.items():
            if list(actual[name].shape) != shape:
                raise ValueError(f"{name} must be {shape}, got {list(actual[name].shape)}")

    def embed(self, context: tf.Tensor, dropout=None) -> tf.Tensor:
        """x for ``context`` [..., order], the last characters, the newest last: [..., E].

        ``dropout(n, x)`` is applied to the embedding of the last n characters.
        """
        x = tf.gather(self.embedding, context[..., -1])
        for n, table in enumerate(self.ngrams, start=2):
            found = look_up(table, bucket(context[..., -n:], table.shape[0]))
            x += found if dropout is None else dropout(n, found)
        return x

    def read_out(self, h: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return matmul(tf.concat([h, x], axis=-1), self.W) + self.b

    def step(self, context, state):
        """One character: logits [B, V] and the state after it, from ``context`` [B, order]."""
        x = self.embed(context)
        h, state, _ = self.cell.step(x, state)
        return self.read_out(h, x), state

    def __call__(
        self, ids: tf.Tensor, *, lengths=None, dropout=None, ngram_dropout=None, **options
    ) -> tuple[tf.Tensor, Trace]:
        """Logits [B, T, V] for ``ids`` [B, T]: row t holds the odds of ids[:, t].

        ``dropout(k, x)`` is applied to the input of layer k and, with k = -1, to the read-out's;
        ``ngram_dropout(n, x)`` to the embedding of the last n characters.
        """
        before = tf.pad(ids, [[0, 0], [self.order, 0]], constant_values=END)
        width = tf.shape(ids)[1] if ids.shape[1] is None else ids.shape[1]
        context = tf.stack([before[:, k : k + width] for k in range(self.order)], axis=-1)
        x = self.embed(context, ngram_dropout)
        trace = unroll(self.cell, x, lengths=lengths, between=dropout, **options)
        h = dropout(-1, trace.h) if dropout else trace.h
        return self.read_out(h, x), trace


def nats(model: CharLM, ids, lengths, **options) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy summed over true characters (ends among them), and their number."""
    logits, _ = model(ids, keep_gates=False, **options)
    mask = tf.sequence_mask(lengths, ids.shape[1], tf.float32)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=logits)
    return tf.reduce_sum(loss * mask), tf.reduce_sum(mask)


@functools.cache
def _nats_program():
    return tf.function(nats, jit_compile=True, autograph=False)


def bits_per_char(
    model: CharLM, texts: Iterable[str] | text.Headlines, *, batch: int = 128
) -> float:
    """Mean of -log2 p(character | those before it) over ``texts``, each one's end counted.

    Raises ValueError for no texts and `text.UnknownCharacter` for one outside the vocabulary.
    """
    headlines = texts if isinstance(texts, text.Headlines) else text.Headlines.of(list(texts))
    if len(headlines) == 0:
        raise ValueError("bits_per_char needs at least one text, got none")
    total = count = 0.0
    for ids, lengths in text.by_length(headlines, batch):
        loss, number = _nats_program()(model, tf.constant(ids), tf.constant(lengths))
        total, count = total + float(loss), count + float(number)
    return total / count / float(np.log(2))


def surprisals(model: CharLM, line: str) -> tuple[np.ndarray, Trace]:
    """Bits of each character of ``line`` and of its end, and the trace of every layer."""
    ids = np.append(text.encode(line), END).astype(np.int32)
    count = len(ids)
    # Padded to few widths: the program is compiled for each, and for each model's shape.
    ids = np.pad(ids, (0, -count % 64))[None]
    bits, trace = _trace_program()(model, tf.constant(ids), tf.constant([count]))
    h, gates, layers = tf.nest.map_structure(
        lambda t: t[:, :count], (trace.h, trace.gates, trace.layers)
    )
    return bits[0, :count].numpy(), Trace(h, trace.state, gates, layers)


@functools.cache
def _trace_program():
    def run(model, ids, lengths):
        logits, trace = model(ids, lengths=lengths)
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=logits)
        return nats / float(np.log(2)), trace

    return tf.function(run, autograph=False)


def parameters(model: Any) -> int:
    """How many numbers a model consists of."""
    return int(sum(np.prod(t.shape) for t in tf.nest.flatten(model)))
