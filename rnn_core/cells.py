"""Recurrent cells: the equations, once.

A cell is a ``NamedTuple`` of its weights with the equations as methods, so ``tf.nest`` walks
it and one mechanism serves gradients, optimizer moments, snapshots and files. Every cell has

    init(input_size, units, *, seed)   a cell with Glorot-uniform W, orthogonal U
    zero_state(batch)                  the state before the first step
    project(x)                         x @ W + b, for any number of steps at once
    recurrence()                       the rest of a step: a function (p, state) -> (h, state, gates)
    step(x, state)                     recurrence()(project(x), state)

``step`` is the equation. It stands in two halves because the first does not depend on the
state: `unroll` makes it one large product for all steps (Appleyard et al. 2016, arXiv
1604.01946). The second is a function made once for all steps, with the blocks of U cut out
before the loop and not in it. Shapes: x [B, D], h [B, H]; everything is float32.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf


def matmul(x: tf.Tensor, W: tf.Tensor) -> tf.Tensor:
    """x [..., D] @ W [D, K] as one plain product.

    Of a batched one TensorFlow makes W's gradient row by row.
    """
    if x.shape.rank == 2:
        return tf.matmul(x, W)
    # Not tensordot, which loses the shape of the gradient where W is [1, 1].
    sizes = [tf.shape(x)[k] if size is None else size for k, size in enumerate(x.shape[:-1])]
    return tf.reshape(tf.matmul(tf.reshape(x, [-1, W.shape[0]]), W), [*sizes, W.shape[1]])


def check_blocks(cell, blocks: int) -> None:
    """ValueError unless W is [D, blocks*H], U [H, blocks*H] and b [blocks*H]."""
    U = list(cell.U.shape)
    if len(U) != 2 or U[1] != blocks * U[0]:
        raise ValueError(f"U must have shape [H, {blocks}*H], got {U}")
    if len(cell.W.shape) != 2 or cell.W.shape[1] != U[1]:
        raise ValueError(f"W must have shape [D, {U[1]}] beside U {U}, got {list(cell.W.shape)}")
    if list(cell.b.shape) != [U[1]]:
        raise ValueError(f"b must have shape [{U[1]}] beside U {U}, got {list(cell.b.shape)}")


def glorot(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Uniform in +-sqrt(6 / (rows + columns)) (Glorot & Bengio 2010)."""
    limit = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)


def orthogonal(rng: np.random.Generator, units: int) -> np.ndarray:
    """A random rotation (Saxe et al. 2014, arXiv 1312.6120)."""
    q, r = np.linalg.qr(rng.standard_normal((units, units)))
    return (q * np.sign(np.diag(r))).astype(np.float32)


def initial_weights(
    input_size: int, units: int, blocks: int, seed: int
) -> tuple[tf.Tensor, tf.Tensor, np.ndarray]:
    """W [D, blocks*H], U [H, blocks*H] and a zero bias, each block drawn for itself."""
    for name, value in (("input_size", input_size), ("units", units)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    rng = np.random.default_rng(seed)
    W = np.concatenate([glorot(rng, input_size, units) for _ in range(blocks)], axis=1)
    U = np.concatenate([orthogonal(rng, units) for _ in range(blocks)], axis=1)
    return tf.constant(W), tf.constant(U), np.zeros(blocks * units, np.float32)


class RNNGates(NamedTuple):
    """A simple RNN has no gates; the empty tuple keeps `step`'s contract."""


class SimpleRNN(NamedTuple):
    """Elman's network (Elman 1990): h = tanh(x W + h U + b)."""

    W: tf.Tensor  # [D, H] input weights
    U: tf.Tensor  # [H, H] recurrent weights
    b: tf.Tensor  # [H] bias

    @classmethod
    def init(cls, input_size: int, units: int, *, seed: int) -> SimpleRNN:
        W, U, b = initial_weights(input_size, units, 1, seed)
        return cls(W, U, tf.constant(b))

    def check(self) -> None:
        check_blocks(self, 1)

    @property
    def inputs(self) -> int:
        return self.W.shape[0]

    @property
    def units(self) -> int:
        return self.U.shape[0]

    def zero_state(self, batch) -> tf.Tensor:
        return tf.zeros([batch, self.units])

    def project(self, x):
        return matmul(x, self.W) + self.b

    def recurrence(self):
        def recur(p, h):
            h = tf.tanh(p + matmul(h, self.U))
            return h, h, RNNGates()

        return recur

    def step(self, x, state):
        return self.recurrence()(self.project(x), state)


class GRUGates(NamedTuple):
    z: tf.Tensor  # [B, H] update gate
    r: tf.Tensor  # [B, H] reset gate
    h_tilde: tf.Tensor  # [B, H] candidate


class GRU(NamedTuple):
    """Gated recurrent unit (Chung et al. 2014, arXiv 1412.3555): z near 0 keeps the old state.

        z       = sigmoid(x W_z + h U_z + b_z)
        r       = sigmoid(x W_r + h U_r + b_r)
        h_tilde = tanh(x W_h + (r * h) U_h + b_h)
        h       = (1 - z) * h + z * h_tilde

    Cho et al. 2014, Keras and PyTorch write h = z * h + (1 - z) * h_tilde: their z is 1 - z here.
    The reset gate acts before the product, which Keras calls ``reset_after=False``.
    """

    W: tf.Tensor  # [D, 3H] input weights of z, r, h_tilde
    U: tf.Tensor  # [H, 3H] recurrent weights
    b: tf.Tensor  # [3H] biases

    @classmethod
    def init(cls, input_size: int, units: int, *, seed: int) -> GRU:
        W, U, b = initial_weights(input_size, units, 3, seed)
        return cls(W, U, tf.constant(b))

    def check(self) -> None:
        check_blocks(self, 3)

    inputs, units, zero_state = SimpleRNN.inputs, SimpleRNN.units, SimpleRNN.zero_state
    project, step = SimpleRNN.project, SimpleRNN.step

    def recurrence(self):
        H = self.units
        U_zr, U_h = self.U[:, : 2 * H], self.U[:, 2 * H :]

        def recur(p, h):
            zr = tf.sigmoid(p[..., : 2 * H] + matmul(h, U_zr))
            z, r = zr[..., :H], zr[..., H:]
            h_tilde = tf.tanh(p[..., 2 * H :] + matmul(r * h, U_h))
            h = (1 - z) * h + z * h_tilde
            return h, h, GRUGates(z, r, h_tilde)

        return recur


class GRUNoResetGates(NamedTuple):
    z: tf.Tensor  # [B, H] update gate
    h_tilde: tf.Tensor  # [B, H] candidate


class GRUNoReset(NamedTuple):
    """A GRU whose reset gate is always open (r = 1), so that it has none.

    z       = sigmoid(x W_z + h U_z + b_z)
    h_tilde = tanh(x W_h + h U_h + b_h)
    h       = (1 - z) * h + z * h_tilde
    """

    W: tf.Tensor  # [D, 2H] input weights of z, h_tilde
    U: tf.Tensor  # [H, 2H] recurrent weights
    b: tf.Tensor  # [2H] biases

    @classmethod
    def init(cls, input_size: int, units: int, *, seed: int) -> GRUNoReset:
        W, U, b = initial_weights(input_size, units, 2, seed)
        return cls(W, U, tf.constant(b))

    def check(self) -> None:
        check_blocks(self, 2)

    inputs, units, zero_state = SimpleRNN.inputs, SimpleRNN.units, SimpleRNN.zero_state
    project, step = SimpleRNN.project, SimpleRNN.step

    def recurrence(self):
        def recur(p, h):
            a_z, a_h = tf.split(p + matmul(h, self.U), 2, axis=-1)
            z, h_tilde = tf.sigmoid(a_z), tf.tanh(a_h)
            h = (1 - z) * h + z * h_tilde
            return h, h, GRUNoResetGates(z, h_tilde)

        return recur


class LSTMState(NamedTuple):
    h: tf.Tensor  # [B, H] hidden state
    c: tf.Tensor  # [B, H] cell state


class LSTMGates(NamedTuple):
    i: tf.Tensor  # [B, H] input gate
    f: tf.Tensor  # [B, H] forget gate
    c_tilde: tf.Tensor  # [B, H] candidate
    o: tf.Tensor  # [B, H] output gate
    c: tf.Tensor  # [B, H] cell state after the step


class LSTM(NamedTuple):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

        i, f, o = sigmoid(x W + h U + b), each with its own block
        c_tilde = tanh(x W_c + h U_c + b_c)
        c       = f * c + i * c_tilde
        h       = o * tanh(c)

    The forget bias starts at 1 (Jozefowicz et al. 2015).
    """

    W: tf.Tensor  # [D, 4H] input weights of i, f, c_tilde, o
    U: tf.Tensor  # [H, 4H] recurrent weights
    b: tf.Tensor  # [4H] biases

    @classmethod
    def init(cls, input_size: int, units: int, *, seed: int) -> LSTM:
        W, U, b = initial_weights(input_size, units, 4, seed)
        b[units : 2 * units] = 1.0
        return cls(W, U, tf.constant(b))

    def check(self) -> None:
        check_blocks(self, 4)

    inputs, units = SimpleRNN.inputs, SimpleRNN.units
    project, step = SimpleRNN.project, SimpleRNN.step

    def zero_state(self, batch) -> LSTMState:
        zeros = tf.zeros([batch, self.units])
        return LSTMState(zeros, zeros)

    def recurrence(self):
        def recur(p, state):
            h, c = state
            a_i, a_f, a_c, a_o = tf.split(p + matmul(h, self.U), 4, axis=-1)
            i, f, o = tf.sigmoid(a_i), tf.sigmoid(a_f), tf.sigmoid(a_o)
            c_tilde = tf.tanh(a_c)
            c = f * c + i * c_tilde
            h = o * tf.tanh(c)
            return h, LSTMState(h, c), LSTMGates(i, f, c_tilde, o, c)

        return recur


#: The cells by the names that settings, files and pages use.
CELLS = {"rnn": SimpleRNN, "gru": GRU, "gru_no_reset": GRUNoReset, "lstm": LSTM}
