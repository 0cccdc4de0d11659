"""Networks that were not trained: some whose inner workings are known, and random ones."""

import numpy as np
import tensorflow as tf

from rnn_core.addition import Adder, Readout
from rnn_core.cells import CELLS

#: The unit that is the carry in every network built here.
CARRY = 1


def hand_built_adder(kind: str) -> Adder:
    """An adder of three units that adds exactly at any width.

    With k = a + b and the carry as h[1] = +-1, the three units ask "is the sum of the three bits at
    least 1, 2, 3?":

        h[j] = tanh(40 (k - j + h[1] / 2 - 1/4)),   j = 0, 1, 2

    h[1] is the carry out, and the sum's bit is h[0] - h[1] + h[2] = +-1. The state of zeros before the
    first step reads as no carry. Gated cells run with their gates held open by the bias, and an LSTM's
    h is +-tanh(1), which the weights make up for.
    """
    scale = np.tanh(1.0) if kind == "lstm" else 1.0
    W = np.full((2, 3), 40.0)
    U = np.zeros((3, 3))
    U[CARRY] = 20.0 / scale
    b = -40.0 * np.arange(3) - 10.0
    open_, shut = np.full(3, 30.0), np.full(3, -30.0)
    zero_W, zero_U = np.zeros((2, 3)), np.zeros((3, 3))
    blocks = {
        "rnn": [(W, U, b)],
        "gru": [(zero_W, zero_U, open_), (zero_W, zero_U, open_), (W, U, b)],
        "gru_no_reset": [(zero_W, zero_U, open_), (W, U, b)],
        "lstm": [
            (zero_W, zero_U, open_),
            (zero_W, zero_U, shut),
            (W, U, b),
            (zero_W, zero_U, open_),
        ],
    }[kind]
    cell = CELLS[kind](
        *(tf.constant(np.concatenate(part, axis=-1), tf.float32) for part in zip(*blocks))
    )
    readout = Readout(
        tf.constant([[10.0], [-10.0], [10.0]]) / np.float32(scale), tf.constant([0.0])
    )
    return Adder(cell, readout)


def random_adder(kind="gru", units=5, order="lowest_first", seed=3) -> Adder:
    """Untrained, with biases and a read-out that are not zero, so that no term is hidden."""
    rng = np.random.default_rng(seed)
    model = Adder.init(kind, units, order=order, seed=seed)
    return tf.nest.map_structure(
        lambda w: w + tf.constant(rng.normal(0, 0.5, w.shape), tf.float32), model
    )
