"""Gaussian noise for training, made fast inside a compiled program."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def hashed(n):
    """Mix the bits of uint32 ``n``: the finalizer of MurmurHash3 (Appleby 2011)."""
    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    n = xor(n, shift(n, np.uint32(16))) * np.uint32(0x85EBCA6B)
    n = xor(n, shift(n, np.uint32(13))) * np.uint32(0xC2B2AE35)
    return xor(n, shift(n, np.uint32(16)))


def normal(shape, seed):
    """Standard normal numbers of ``shape``, one for each: 24 hashed bits through the inverse of erf.

    ``seed`` is a tensor of two integers. This is noise to train with, not for cryptography or
    statistics; `tf.random.stateless_normal` in its place would double the time of a training step
    (XLA on a CPU).
    """
    seed = tf.cast(seed, tf.uint32)
    count = tf.cast(tf.range(int(np.prod(shape))), tf.uint32)
    # Hashed twice: streams of different seeds must not be one sequence at different places.
    words = hashed(hashed(count + hashed(seed[0])) + hashed(seed[1]))
    centred = tf.cast(tf.bitwise.right_shift(words, np.uint32(8)), tf.float32) - (2.0**23 - 0.5)
    return tf.reshape(np.sqrt(2.0) * tf.math.erfinv(centred * 2.0**-23), shape)
