"""What a step of training an adder is: where it starts, its batches, its loss, its noise.

`chunk_function` puts many steps into one function of tensors, for XLA to compile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rnn_core.addition import Adder, LinearReadout
from rnn_core.optimizers import Moments, adam
from rnn_core.rng import integers, normal
from rnn_core.settings import AdditionSettings
from rnn_core.stacks import Backward, Bidirectional

MEASURES = ("train_loss", "validation_loss", "bit_accuracy", "exact_accuracy")

#: The most steps one call can take: the rows of its table of measures.
CHUNK = 512

#: Up to so many bits the loop over time is written out where it has a gradient: at 5 bits a step
#: then takes four fifths of the time. From 10 bits on it gains nothing and compiles for seconds.
INLINE = 8


def initial_model(settings: AdditionSettings) -> Adder:
    """The adder before its first step."""
    model = Adder.init(settings.unit, settings.units, order=settings.order, seed=settings.seed)
    if settings.weights == "small":
        rng = np.random.default_rng([settings.seed, 1])
        model = tf.nest.map_structure(lambda w: small_normal(rng, w.shape), model)
    if settings.loss == "squared":
        model = model._replace(readout=LinearReadout(*model.readout))
    return model


def small_normal(rng: np.random.Generator, shape) -> tf.Tensor:
    """Normal of sd 0.01; what lies past two sd is drawn again, as tf.truncated_normal does."""
    values = rng.standard_normal(shape)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.standard_normal(far.sum())
    return tf.constant(0.01 * values, tf.float32)


class Batch(NamedTuple):
    """Sums to learn from; all are zeros and ones, float32, lowest bit first."""

    x: tf.Tensor  # [B, T, 2] the two numbers
    y: tf.Tensor  # [B, T] their sum


def batch_of(numbers, bits: int) -> Batch:
    """The bits of numbers [B, 2], int32, and of their sums, which must fit in ``bits``.

    `addition.sums_of` does this for any width; at these few bits integers do it in less time.
    """
    shift, places = tf.bitwise.right_shift, tf.range(bits)
    x = shift(numbers[:, None, :], places[:, None]) & 1
    y = shift(tf.reduce_sum(numbers, axis=1, keepdims=True), places) & 1
    return Batch(tf.cast(x, tf.float32), tf.cast(y, tf.float32))


def fixed_batches(settings: AdditionSettings) -> tuple[Batch, Batch]:
    """The fixed batches to train on and to validate with, drawn as the tutorial draws them.

    Both numbers lie in [0, 2^(bits - 1) - 1) with the upper end left out, as its use of NumPy's
    randint had it (at 2 bits that would leave zero alone, so there 1 is let in).
    """
    rng = np.random.default_rng([settings.seed, 2])
    top = max(2, 2 ** (settings.bits - 1) - 1)
    train, validation = rng.integers(0, top, (2, settings.batch_size, 2), dtype=np.int32)
    return batch_of(train, settings.bits), batch_of(validation, settings.bits)


class State(NamedTuple):
    """What a step of training changes, and the fixed batches it reads (None for fresh data)."""

    model: Adder
    moments: Moments
    train: Batch | None
    validation: Batch | None


def initial_state(settings: AdditionSettings) -> State:
    model = initial_model(settings)
    train, validation = fixed_batches(settings) if settings.data == "fixed" else (None, None)
    return State(model, Moments.zeros(model), train, validation)


# ---------------------------------------------------------------- one compiled chunk


def loss_of(model: Adder, logits, y):
    """The loss of logits [B, T] against bits y [B, T]; which one is in the type of the read-out."""
    if isinstance(model.readout, LinearReadout):
        return (
            0.5 * tf.reduce_sum(tf.square(logits + 0.5 - y)) / tf.cast(tf.shape(y)[0], tf.float32)
        )
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits))


def disturbance(model: Adder, noise, stream, batch: int, bits: int):
    """What `unroll` calls after each step of training: Gaussian noise of sd ``noise`` on the state.

    On all of the state: of an LSTM on h and c, which makes it exact far more often than noise on
    either alone. ``stream(k)`` are seeds. A batch's noise is drawn at once.
    """

    def one(cell, first: int):
        shapes = [[bits, *s.shape] for s in tf.nest.flatten(cell.zero_state(batch))]
        values = tf.cond(
            noise > 0,
            lambda: [noise * normal(shape, stream(first + k)) for k, shape in enumerate(shapes)],
            lambda: [tf.zeros(shape) for shape in shapes],
        )

        def disturb(t, state):
            # The loop would otherwise add up a gradient of the noise that nobody asks for.
            noisy = [s + tf.stop_gradient(v[t]) for s, v in zip(tf.nest.flatten(state), values)]
            return tf.nest.pack_sequence_as(state, noisy)

        return disturb

    cell = model.cell
    if isinstance(cell, Bidirectional):
        return one(cell.forward, 0), one(cell.backward, 2)
    return one(cell.cell if isinstance(cell, Backward) else cell, 0)


def chunk_function(settings: AdditionSettings):
    """A chunk of training steps, as a function of all that is not a shape; see `arguments`."""
    bits, batch, fresh = settings.bits, settings.batch_size, settings.data == "fresh"

    def chunk(state, rate, noise, seed, first, count):
        def body(k, model, moments, table):
            def stream(j: int):
                """The seed of one of the step's streams of random numbers: there are eight."""
                return tf.stack([seed, 8 * (first + k) + j])

            def data_of(j: int, fixed: Batch | None) -> Batch:
                return batch_of(integers([batch, 2], stream(j), bits - 1), bits) if fresh else fixed

            data = data_of(0, state.train)
            with tf.GradientTape() as tape:
                tape.watch(model)
                disturb = disturbance(model, noise, lambda j: stream(2 + j), batch, bits)
                logits, _ = model(data.x, keep_gates=False, disturb=disturb, inline=bits <= INLINE)
                loss = loss_of(model, logits, data.y)
            model, moments = adam(model, moments, tape.gradient(loss, model), rate)

            data = data_of(1, state.validation)
            logits, _ = model(data.x, keep_gates=False)
            right = tf.cast((logits > 0) == (data.y > 0.5), tf.float32)
            exact = tf.reduce_mean(tf.reduce_min(right, axis=1))
            row = [loss, loss_of(model, logits, data.y), tf.reduce_mean(right), exact]
            table = tf.tensor_scatter_nd_update(table, [[k]], [tf.stack(row)])
            return k + 1, model, moments, table

        table = tf.zeros([CHUNK, len(MEASURES)])
        _, model, moments, table = tf.while_loop(
            lambda k, *_: k < count, body, (0, state.model, state.moments, table)
        )
        return state._replace(model=model, moments=moments), table

    return chunk
