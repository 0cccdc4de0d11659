"""Optimizers as functions of (weights, moments, gradients): nothing is stored, nothing changes.

Keras's optimizers own their variables and can't be applied statelessly on TensorFlow; a test
holds `adam` to Keras's Adam.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf


class Moments(NamedTuple):
    """Adam's memory: the number of steps taken and two trees shaped like the weights."""

    step: tf.Tensor  # scalar, float32
    m: Any  # decaying mean of the gradient
    v: Any  # decaying mean of its square

    @classmethod
    def zeros(cls, weights: Any) -> Moments:
        return cls(
            tf.constant(0.0),
            tf.nest.map_structure(tf.zeros_like, weights),
            tf.nest.map_structure(tf.zeros_like, weights),
        )


def adam(
    weights: Any,
    moments: Moments,
    gradients: Any,
    learning_rate,
    *,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[Any, Moments]:
    """One step of Adam (Kingma & Ba 2015, arXiv 1412.6980), bias-corrected as Keras does it.

    m = beta_1 m + (1 - beta_1) g
    v = beta_2 v + (1 - beta_2) g^2
    w = w - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)
    """
    t = moments.step + 1
    rate = learning_rate * tf.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    tree = tf.nest.map_structure
    m = tree(lambda m, g: beta_1 * m + (1 - beta_1) * g, moments.m, gradients)
    v = tree(lambda v, g: beta_2 * v + (1 - beta_2) * tf.square(g), moments.v, gradients)
    weights = tree(lambda w, m, v: w - rate * m / (tf.sqrt(v) + epsilon), weights, m, v)
    return weights, Moments(t, m, v)


def global_norm(tree: Any) -> tf.Tensor:
    return tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(t)) for t in tf.nest.flatten(tree)]))


def clip(gradients: Any, norm: float) -> Any:
    """Scale the whole tree down to global norm ``norm`` where it is longer (Pascanu et al. 2013)."""
    scale = tf.minimum(1.0, norm / (global_norm(gradients) + 1e-12))
    return tf.nest.map_structure(lambda g: g * scale, gradients)


def orthogonalise(blocks: tf.Tensor, iterations: int = 5) -> tf.Tensor:
    """Push every singular value of ``blocks`` [..., m, n] towards 1 (U S V^T -> about U V^T).

    Newton-Schulz with the quintic of Jordan et al. 2024, "Muon": singular values end between
    about 0.7 and 1.2, which serves an update as well as exact ones.
    """
    tall = blocks.shape[-2] > blocks.shape[-1]
    X = tf.linalg.matrix_transpose(blocks) if tall else blocks
    X = X / (tf.norm(X, axis=[-2, -1], keepdims=True) + 1e-7)
    for _ in range(iterations):
        A = tf.matmul(X, X, transpose_b=True)
        X = 3.4445 * X + tf.matmul(-4.7750 * A + 2.0315 * tf.matmul(A, A), X)
    return tf.linalg.matrix_transpose(X) if tall else X


def muon(
    W: tf.Tensor,
    momentum: tf.Tensor,
    gradient: tf.Tensor,
    learning_rate,
    *,
    block: int,
    beta: float = 0.95,
) -> tuple[tf.Tensor, tf.Tensor]:
    """One step of Muon (Jordan et al. 2024) for a matrix ``W`` [D, k * block].

    M = beta M + G
    W = W - learning_rate sqrt(max(1, D / block)) orthogonalise(G + beta M), each block for itself

    A recurrent cell's W and U hold one block for each gate, hence ``block``, the cell's units.
    Weights that are no product's matrix (biases, embeddings, read-outs) are left to `adam`.
    """
    rows, columns = W.shape
    momentum = beta * momentum + gradient
    update = gradient + beta * momentum
    blocks = tf.transpose(tf.reshape(update, [rows, columns // block, block]), [1, 0, 2])
    blocks = orthogonalise(blocks) * max(1.0, rows / block) ** 0.5
    update = tf.reshape(tf.transpose(blocks, [1, 0, 2]), [rows, columns])
    return W - learning_rate * update, momentum
