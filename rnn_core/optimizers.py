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
