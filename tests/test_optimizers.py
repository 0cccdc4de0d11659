"""Adam against Keras's, clipping against its definition."""

import keras
import numpy as np
import tensorflow as tf

from rnn_core.optimizers import Moments, adam, clip, global_norm


def test_adam_equals_kerass_over_50_steps():
    rng = np.random.default_rng(0)
    start = (rng.normal(size=(3, 4)), (rng.normal(size=5), rng.normal(size=(2, 2))))
    weights = tf.nest.map_structure(lambda w: tf.constant(w, tf.float32), start)
    moments = Moments.zeros(weights)
    variables = [tf.Variable(w) for w in tf.nest.flatten(weights)]
    theirs = keras.optimizers.Adam(0.02)
    for k in range(50):
        scale = 10.0 ** rng.integers(-4, 3)
        gradients = tf.nest.map_structure(
            lambda w, s=scale: tf.constant(s * rng.normal(size=w.shape), tf.float32), weights
        )
        weights, moments = adam(weights, moments, gradients, 0.02)
        theirs.apply(tf.nest.flatten(gradients), variables)
        for ours, variable in zip(tf.nest.flatten(weights), variables):
            np.testing.assert_allclose(ours, variable, atol=1e-5, err_msg=f"step {k + 1}")
    assert moments.step == 50
    assert np.abs(weights[0] - start[0]).max() > 0.1


def test_clip_scales_the_whole_tree_and_only_where_it_is_longer():
    tree = (tf.constant([3.0, 0.0]), (tf.constant([[4.0]]),))
    assert global_norm(tree) == 5
    np.testing.assert_allclose(clip(tree, 1.0)[0], [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(clip(tree, 1.0)[1][0], [[0.8]], rtol=1e-6)
    np.testing.assert_array_equal(clip(tree, 6.0)[0], tree[0])
