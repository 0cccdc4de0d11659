"""Cells to and from the weights of Keras layers.

Keras orders a GRU's blocks z, r, h and an LSTM's i, f, c, o, as `cells` does. Its GRU keeps the
old state where z is near 1, ours where z is near 0. As 1 - sigmoid(a) = sigmoid(-a), its z is
ours with the block of z negated, and the other way round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from rnn_core.cells import GRU, LSTM, SimpleRNN
from rnn_core.stacks import Bidirectional

LAYERS = {"SimpleRNN": SimpleRNN, "GRU": GRU, "LSTM": LSTM}


def to_keras(cell: Any) -> list[np.ndarray]:
    """The weights to hand to ``layer.set_weights`` of a built Keras layer of the same kind.

    `SimpleRNN`, `GRU` (for ``reset_after=False``), `LSTM`, or a `Bidirectional` of two of them.
    """
    if isinstance(cell, Bidirectional):
        return to_keras(cell.forward) + to_keras(cell.backward)
    if not isinstance(cell, (SimpleRNN, GRU, LSTM)):
        raise ValueError(f"Keras has no layer for a {type(cell).__name__}")
    return [np.array(w) for w in flip_z(cell)]


def from_keras(layer: Any) -> Any:
    """The cell with the weights of a built Keras layer, or of a `keras.layers.Bidirectional`.

    ValueError where the layer computes something that no cell here does.
    """
    kind = type(layer).__name__
    if kind == "Bidirectional":
        return Bidirectional(from_keras(layer.forward_layer), from_keras(layer.backward_layer))
    if kind not in LAYERS:
        raise ValueError(f"layer must be one of {sorted(LAYERS)} or Bidirectional, got {kind}")
    asked = {"activation": "tanh"}
    if kind != "SimpleRNN":
        asked["recurrent_activation"] = "sigmoid"
    if kind == "GRU":
        asked["reset_after"] = False
    config = layer.get_config()
    for name, value in asked.items():
        if config[name] != value:
            raise ValueError(f"{name} of the layer must be {value!r}, got {config[name]!r}")
    weights = layer.get_weights()
    if not weights:
        raise ValueError(f"the layer {layer.name!r} has no weights yet: build it first")
    if not config["use_bias"]:
        weights.append(np.zeros(weights[1].shape[1], np.float32))
    return flip_z(LAYERS[kind](*(tf.constant(w, tf.float32) for w in weights)))


def flip_z(cell: Any) -> Any:
    """A `GRU` with its block of z negated, so that z becomes 1 - z; other cells as they are."""
    if not isinstance(cell, GRU):
        return cell
    sign = np.ones(3 * cell.units, np.float32)
    sign[: cell.units] = -1
    return GRU(*(w * sign for w in cell))
