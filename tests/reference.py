"""What the tests share: random models, and the cells' equations again in NumPy, from the papers."""

import numpy as np
import tensorflow as tf

from rnn_core import cells


def random_like(model, seed=0, scale=0.7):
    """``model`` with every weight drawn from a normal, so that no two blocks are alike."""
    rng = np.random.default_rng(seed)
    return tf.nest.map_structure(
        lambda w: tf.constant(rng.normal(0, scale, w.shape), tf.float32), model
    )


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def simple_rnn(W, U, b, x, h):
    h = np.tanh(x @ W + h @ U + b)
    return h, {}


def gru(W, U, b, x, h):
    """Chung et al. 2014, equations 5 to 8."""
    W_z, W_r, W_h = np.split(W, 3, axis=1)
    U_z, U_r, U_h = np.split(U, 3, axis=1)
    b_z, b_r, b_h = np.split(b, 3)
    z = sigmoid(x @ W_z + h @ U_z + b_z)
    r = sigmoid(x @ W_r + h @ U_r + b_r)
    h_tilde = np.tanh(x @ W_h + (r * h) @ U_h + b_h)
    return (1 - z) * h + z * h_tilde, {"z": z, "r": r, "h_tilde": h_tilde}


def gru_no_reset(W, U, b, x, h):
    W_z, W_h = np.split(W, 2, axis=1)
    U_z, U_h = np.split(U, 2, axis=1)
    b_z, b_h = np.split(b, 2)
    z = sigmoid(x @ W_z + h @ U_z + b_z)
    h_tilde = np.tanh(x @ W_h + h @ U_h + b_h)
    return (1 - z) * h + z * h_tilde, {"z": z, "h_tilde": h_tilde}


def lstm(W, U, b, x, state):
    h, c = state
    a = x @ W + h @ U + b
    a_i, a_f, a_c, a_o = np.split(a, 4, axis=1)
    i, f, o, c_tilde = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o), np.tanh(a_c)
    c = f * c + i * c_tilde
    return (o * np.tanh(c), c), {"i": i, "f": f, "c_tilde": c_tilde, "o": o, "c": c}


STEPS = {
    cells.SimpleRNN: simple_rnn,
    cells.GRU: gru,
    cells.GRUNoReset: gru_no_reset,
    cells.LSTM: lstm,
}


def run(cell, x):
    """Outputs, last state and gates of one cell over x [B, T, D], one step after the other."""
    weights = [np.asarray(w, np.float64) for w in cell]
    step = STEPS[type(cell)]
    zero = np.zeros((len(x), cell.units))
    state = (zero, zero) if isinstance(cell, cells.LSTM) else zero
    outputs, gates = [], []
    for t in range(x.shape[1]):
        state, g = step(*weights, x[:, t], state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
        gates.append(g)
    return np.stack(outputs, 1), state, {k: np.stack([g[k] for g in gates], 1) for k in gates[0]}
