"""Outputs, states and gradients equal Keras's, with the same random weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import random_like

from rnn_core import cells, stacks
from rnn_core.keras_weights import from_keras, to_keras
from rnn_core.unroll import unroll

B, T, D, H = 4, 6, 3, 5
LENGTHS = [6, 1, 4, 3]
UNITS = {
    "rnn": (cells.SimpleRNN, lambda **k: keras.layers.SimpleRNN(H, **k)),
    "gru": (cells.GRU, lambda **k: keras.layers.GRU(H, reset_after=False, **k)),
    "lstm": (cells.LSTM, lambda **k: keras.layers.LSTM(H, **k)),
}


def pair(unit, two_ways):
    """A cell with random weights and a Keras layer that returns sequences and states."""
    kind, layer = UNITS[unit]
    cell = random_like(kind.init(D, H, seed=0), seed=1)
    layer = layer(return_sequences=True, return_state=True)
    if two_ways:
        cell = stacks.Bidirectional(cell, random_like(kind.init(D, H, seed=0), seed=2))
        layer = keras.layers.Bidirectional(layer)
    layer.build((B, T, D))
    layer.set_weights(to_keras(cell))
    return cell, layer


def flipped(weights):
    """Keras's gradients of GRU weights in our terms: those of z change their sign."""
    return [np.concatenate([-w[..., :H], w[..., H:]], -1) for w in weights]


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("two_ways", [False, True], ids=["one_way", "two_ways"])
@pytest.mark.parametrize("unit", list(UNITS))
def test_outputs_states_and_gradients_equal_kerass(unit, two_ways, lengths):
    cell, layer = pair(unit, two_ways)
    rng = np.random.default_rng(5)
    x = tf.constant(rng.normal(size=(B, T, D)), tf.float32)
    mask = tf.sequence_mask(lengths or [T] * B, T)
    weight = tf.constant(rng.normal(size=(B, T, H * (1 + two_ways))), tf.float32)
    weight *= tf.cast(mask[:, :, None], tf.float32)
    ends = [tf.constant(rng.normal(size=(B, H)), tf.float32) for _ in range(4)]

    def loss_of(h, state):
        """Depends on every output within the lengths, and on every last state."""
        return tf.reduce_sum(h * weight) + tf.add_n(
            [tf.reduce_sum(s * e) for s, e in zip(tf.nest.flatten(state), ends)]
        )

    with tf.GradientTape() as tape:
        tape.watch((cell, x))
        trace = unroll(cell, x, lengths=None if lengths is None else tf.constant(lengths))
        loss = loss_of(trace.h, trace.state)
    ours, our_dx = tape.gradient(loss, (cell, x))

    with tf.GradientTape() as tape:
        tape.watch(x)
        h, *state = layer(x, mask=None if lengths is None else mask)
        loss = loss_of(h, state)
    theirs, their_dx = tape.gradient(loss, ([v.value for v in layer.trainable_variables], x))

    inside = mask.numpy()
    np.testing.assert_allclose(trace.h.numpy()[inside], h.numpy()[inside], atol=1e-5)
    for a, b in zip(tf.nest.flatten(trace.state), state, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(our_dx, their_dx, atol=1e-5)
    theirs = flipped(theirs) if unit == "gru" else theirs
    for a, b in zip(tf.nest.flatten(ours), theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("two_ways", [False, True], ids=["one_way", "two_ways"])
@pytest.mark.parametrize("unit", list(UNITS))
def test_weights_come_back_as_they_went(unit, two_ways):
    cell, layer = pair(unit, two_ways)
    back = from_keras(layer)
    tf.nest.assert_same_structure(cell, back)
    for a, b in zip(tf.nest.flatten(cell), tf.nest.flatten(back)):
        np.testing.assert_array_equal(a, b)


def test_without_the_flip_the_outputs_differ():
    """The tests above would miss a swapped z if they could not tell z from 1 - z."""
    cell, layer = pair("gru", False)
    layer.set_weights([w.numpy() for w in cell])
    x = tf.constant(np.random.default_rng(0).normal(size=(B, T, D)), tf.float32)
    assert np.abs(unroll(cell, x).h - layer(x)[0]).max() > 0.1


def test_a_layer_without_bias_gives_a_zero_bias():
    layer = keras.layers.LSTM(H, use_bias=False, return_sequences=True)
    layer.build((B, T, D))
    x = tf.constant(np.random.default_rng(0).normal(size=(B, T, D)), tf.float32)
    np.testing.assert_allclose(unroll(from_keras(layer), x).h, layer(x), atol=1e-5)


def test_what_has_no_counterpart_is_refused():
    with pytest.raises(ValueError, match="reset_after of the layer must be False, got True"):
        from_keras(keras.layers.GRU(H))
    with pytest.raises(ValueError, match="activation of the layer must be 'tanh', got 'relu'"):
        from_keras(keras.layers.SimpleRNN(H, activation="relu"))
    with pytest.raises(ValueError, match="has no weights yet"):
        from_keras(keras.layers.LSTM(H))
    with pytest.raises(ValueError, match="got Dense"):
        from_keras(keras.layers.Dense(H))
    with pytest.raises(ValueError, match="no layer for a GRUNoReset"):
        to_keras(cells.GRUNoReset.init(D, H, seed=0))
