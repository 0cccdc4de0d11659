"""Random numbers made fast inside a compiled program: a counter, hashed.

They serve batches and noise, not cryptography or statistics. Under XLA on a CPU TensorFlow's own
stateless generators would double the time of a training step. ``seed`` is a tensor of two integers.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def hashed(n):
    """Mix the bits of uint32 ``n``: the finalizer of MurmurHash3 (Appleby 2011)."""
    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    n = xor(n, shift(n, np.uint32(16))) * np.uint32(0x85EBCA6B)
    n = xor(n, shift(n, np.uint32(13))) * np.uint32(0xC2B2AE35)
    return xor(n, shift(n, np.uint32(16)))


def integers(shape, seed, bits: int):
    """Uniform integers in [0, 2^bits), int32; ``bits`` is 1 to 31."""
    seed = tf.cast(seed, tf.uint32)
    count = tf.cast(tf.range(int(np.prod(shape))), tf.uint32)
    # Hashed twice: streams of different seeds must not be one sequence at different places.
    words = hashed(hashed(count + hashed(seed[0])) + hashed(seed[1]))
    return tf.reshape(tf.cast(tf.bitwise.right_shift(words, np.uint32(32 - bits)), tf.int32), shape)


def normal(shape, seed):
    """Standard normal numbers: 24 uniform bits through the inverse of erf."""
    centred = tf.cast(integers(shape, seed, 24), tf.float32) - (2.0**23 - 0.5)
    return np.sqrt(2.0) * tf.math.erfinv(centred * 2.0**-23)
