"""The cells against NumPy, re-derived from the papers."""

import numpy as np
import pytest
import tensorflow as tf
from reference import STEPS, random_like, run

from rnn_core import cells, stacks
from rnn_core.unroll import unroll

KINDS = list(cells.CELLS.values())
B, T, D, H = 3, 7, 4, 5


def inputs(seed=0, shape=(B, T, D)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_states_and_gates_follow_the_equations(kind):
    cell, x = random_like(kind.init(D, H, seed=0), seed=1), inputs()
    trace = unroll(cell, tf.constant(x))
    h, state, gates = run(cell, x)
    np.testing.assert_allclose(trace.h, h, atol=1e-5)
    for ours, theirs in zip(tf.nest.flatten(trace.state), tf.nest.flatten(state)):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert set(trace.gates._fields) == set(gates)
    for name, values in gates.items():
        np.testing.assert_allclose(getattr(trace.gates, name), values, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_what_the_loop_does(kind):
    cell, x = random_like(kind.init(D, H, seed=0)), tf.constant(inputs())
    trace, state = unroll(cell, x), cell.zero_state(B)
    for t in range(T):
        h, state, gates = cell.step(x[:, t], state)
        np.testing.assert_allclose(h, trace.h[:, t], atol=1e-6)
        for now, all_steps in zip(gates, trace.gates):
            np.testing.assert_allclose(now, all_steps[:, t], atol=1e-6)


def test_z_near_zero_keeps_the_old_state():
    cell = random_like(cells.GRU.init(D, H, seed=0))
    b = np.zeros(3 * H, np.float32)
    b[:H] = -30
    h = tf.constant(inputs(shape=(B, H)))
    kept, _, _ = cell._replace(b=tf.constant(b)).step(tf.constant(inputs(shape=(B, D))), h)
    np.testing.assert_allclose(kept, h, atol=1e-6)


def test_a_gru_without_reset_gate_is_one_whose_reset_gate_is_open():
    full = random_like(cells.GRU.init(D, H, seed=0))
    b = full.b.numpy()
    b[H : 2 * H] = 60
    zero = np.s_[:, H : 2 * H]
    W, U = full.W.numpy(), full.U.numpy()
    W[zero], U[zero] = 0, 0
    less = cells.GRUNoReset(
        *(tf.constant(np.delete(w, np.s_[H : 2 * H], axis=-1)) for w in (W, U, b))
    )
    x = tf.constant(inputs())
    full = cells.GRU(*(tf.constant(w) for w in (W, U, b)))
    np.testing.assert_allclose(unroll(full, x).h, unroll(less, x).h, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_initial_weights(kind):
    cell = kind.init(D, H, seed=3)
    blocks = cell.U.shape[1] // H
    for U in np.split(cell.U.numpy(), blocks, axis=1):
        np.testing.assert_allclose(U.T @ U, np.eye(H), atol=1e-5)
    assert np.abs(cell.W).max() <= np.sqrt(6 / (D + H))
    expected = np.zeros(blocks * H)
    if kind is cells.LSTM:
        expected[H : 2 * H] = 1
    np.testing.assert_array_equal(cell.b, expected)
    again, other = kind.init(D, H, seed=3), kind.init(D, H, seed=4)
    np.testing.assert_array_equal(cell.W, again.W)
    assert not np.allclose(cell.W, other.W)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", ["W", "U", "b"])
def test_check_names_the_field_of_a_wrong_shape(kind, field):
    cell = kind.init(D, H, seed=0)
    cell.check()
    shape = list(getattr(cell, field).shape)
    shape[-1] += 1
    with pytest.raises(ValueError, match=rf"^{field} must have shape"):
        cell._replace(**{field: tf.zeros(shape)}).check()


def test_check_of_stacks_and_pairs():
    good, narrow = cells.LSTM.init(D, H, seed=0), cells.GRU.init(D, H, seed=0)
    stacks.Stack.init([cells.LSTM, cells.GRU], D, H, seed=0).check()
    stacks.SkipStack.init([cells.LSTM, cells.GRU], D, H, seed=0).check()
    with pytest.raises(ValueError, match=rf"cells.1.W must have {H} rows, got {D}"):
        stacks.Stack((good, narrow)).check()
    with pytest.raises(ValueError, match=rf"cells.1.W must have {D + H} rows, got {D}"):
        stacks.SkipStack((good, narrow)).check()
    with pytest.raises(ValueError, match="backward.W must have 4 rows, got 2"):
        stacks.Bidirectional(good, cells.LSTM.init(2, H, seed=0)).check()


def test_sizes_must_be_positive():
    with pytest.raises(ValueError, match="units must be at least 1, got 0"):
        cells.GRU.init(2, 0, seed=0)


def test_every_cell_is_re_derived_here():
    assert set(STEPS) == set(KINDS)
