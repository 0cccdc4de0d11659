"""What a step of training a `CharLM` is: its gradients, dropout and update, and the programs of them."""

from __future__ import annotations

import functools
from typing import NamedTuple

import tensorflow as tf

from rnn_core import optimizers
from rnn_core.language import CharLM, nats
from rnn_core.optimizers import Moments

#: Random numbers of a step: mask k of step t is drawn with the seed [seed, t * STREAMS + k].
STREAMS = 64


class Dropout(NamedTuple):
    """The shares of training's values that are dropped at random; 0 drops none."""

    layers: float = 0.0  # of every layer's input but the first, and of the read-out's
    ngrams: float = 0.0  # of the n-gram embeddings, each looked up or not as a whole


NO_DROPOUT = Dropout()


def gradients(
    model: CharLM,
    ids,
    lengths,
    total,
    seed,
    dropout: Dropout = NO_DROPOUT,
    *,
    index: int = 0,
    workers: int = 1,
):
    """d(loss)/d(model) and the loss in nats a character, of a batch with ``total`` characters.

    A worker is given every ``workers``-th row of a joint batch from row ``index``, and in
    ``total`` the characters of all rows, so that the workers' gradients and losses add up to
    those of the joint batch. ``seed`` is two integers; the masks draw with the second and the
    `STREAMS` - 1 after it.
    """

    def masked(x, share, shape, stream):
        # Drawn for the joint batch: a row's mask does not depend on who computes it.
        noise = tf.random.stateless_uniform([ids.shape[0] * workers, *shape], seed + [0, stream])
        return tf.where(noise[index::workers] < share, 0.0, x / (1 - share))

    def drop_layer(layer, x):
        if layer == 0:
            return x
        # One mask for all steps of a row (Gal & Ghahramani 2016, arXiv 1512.05287).
        return masked(x, dropout.layers, [1, x.shape[-1]], layer + 1)

    def drop_ngram(n, x):
        return masked(x, dropout.ngrams, [x.shape[1], 1], 32 + n)

    with tf.GradientTape() as tape:
        tape.watch(model)
        loss, _ = nats(
            model,
            ids,
            lengths,
            dropout=drop_layer if dropout.layers else None,
            ngram_dropout=drop_ngram if dropout.ngrams else None,
        )
        loss = loss / total
    found = tape.gradient(loss, model)
    return tf.nest.map_structure(tf.convert_to_tensor, found), loss


def update(model: CharLM, moments: Moments, grads: CharLM, adam_rate, muon_rate, clip: float):
    """Clip, then Adam on everything but, where ``muon_rate`` is given, the cells' W and U: Muon."""
    grads = optimizers.clip(grads, clip)
    new, after = optimizers.adam(model, moments, grads, adam_rate, beta_2=0.99)
    if muon_rate is None:
        return new, after
    cells, memory = [], []
    for old, fresh, m, g, m_new in zip(
        model.cell.cells, new.cell.cells, moments.m.cell.cells, grads.cell.cells, after.m.cell.cells
    ):
        W, m_W = optimizers.muon(old.W, m.W, g.W, muon_rate, block=old.units)
        U, m_U = optimizers.muon(old.U, m.U, g.U, muon_rate, block=old.units)
        cells.append(fresh._replace(W=W, U=U))
        memory.append(m_new._replace(W=m_W, U=m_U))
    new = new._replace(cell=new.cell._replace(cells=tuple(cells)))
    m = after.m._replace(cell=after.m.cell._replace(cells=tuple(memory)))
    return new, after._replace(m=m)


@functools.cache
def step_program(clip: float, dropout: Dropout, with_muon: bool):
    @tf.function(jit_compile=True, autograph=False)
    def step(model, moments, ids, lengths, adam_rate, muon_rate, seed):
        total = tf.cast(tf.reduce_sum(lengths), tf.float32)
        grads, loss = gradients(model, ids, lengths, total, seed, dropout)
        model, moments = update(
            model, moments, grads, adam_rate, muon_rate if with_muon else None, clip
        )
        return model, moments, loss

    return step


@functools.cache
def gradient_program(dropout: Dropout, index: int, workers: int):
    share = functools.partial(gradients, dropout=dropout, index=index, workers=workers)
    return tf.function(share, jit_compile=True, autograph=False)


@functools.cache
def update_program(clip: float, with_muon: bool):
    def run(model, moments, grads, adam_rate, muon_rate):
        return update(model, moments, grads, adam_rate, muon_rate if with_muon else None, clip)

    return tf.function(run, jit_compile=True, autograph=False)
