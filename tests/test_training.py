"""Training: runs that repeat bit for bit, programs that are shared, what the recipes reach."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from rnn_core import training
from rnn_core.addition import LinearReadout, from_bits
from rnn_core.optimizers import adam
from rnn_core.programs import programs
from rnn_core.rng import integers, normal
from rnn_core.steps import batch_of, fixed_batches, initial_model, loss_of
from rnn_core.training import SNAPSHOTS, AdditionRun, AdditionSettings, is_compiled, warm_up

#: Small and soon compiled; most tests share its one program.
SMALL = AdditionSettings(units=4, bits=4, batch_size=20)
FIXED = replace(SMALL, data="fixed", noise=0.0)


def weights(run):
    return [w.numpy() for w in tf.nest.flatten(run.model)]


def assert_same(a, b):
    for x, y in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(a.history, b.history)


def test_the_same_run_however_its_steps_are_cut():
    whole, parts, uneven = (AdditionRun(SMALL) for _ in range(3))
    whole.advance(200)
    for _ in range(20):
        parts.advance(10)
    while uneven.step < 200:
        uneven.advance_for(0.01, at_most=min(33, 200 - uneven.step))
    assert_same(whole, parts)
    assert_same(whole, uneven)


def test_runs_in_threads_are_the_runs_alone():
    alone, together = [], []
    for found in (alone, together):
        found += [AdditionRun(replace(SMALL, seed=s, learning_rate=0.01 * s)) for s in (1, 2, 3)]
    for run in alone:
        run.advance(60)
    threads = [threading.Thread(target=run.advance, args=(60,)) for run in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(alone, together):
        assert_same(a, b)


def test_reset_brings_back_the_initial_weights_and_the_same_run():
    run = AdditionRun(SMALL)
    first = weights(run)
    run.advance(30)
    then = weights(run), run.history
    assert any((a != b).any() for a, b in zip(first, then[0]))
    run.reset()
    assert run.step == 0 and len(run.history) == 0 and len(run.snapshots) == 1
    for a, b in zip(first, weights(run)):
        np.testing.assert_array_equal(a, b)
    run.advance(30)
    np.testing.assert_array_equal(run.history, then[1])


def test_only_another_shape_compiles():
    run = AdditionRun(SMALL)
    run.advance(1)
    program = training.chunk_for(SMALL)
    before = len(programs)
    for change in ({"seed": 7}, {"learning_rate": 0.5}, {"noise": 0.0}, {"weights": "small"}):
        other = AdditionRun(replace(SMALL, **change))
        other.advance(3)
        assert training.chunk_for(other.settings) is program
        assert is_compiled(other.settings)
    run.reset()
    run.advance(3)
    assert len(programs) == before
    assert not is_compiled(replace(SMALL, units=5))


def test_warm_up_compiles():
    settings = replace(SMALL, units=3, unit="rnn")
    assert not is_compiled(settings)
    warm_up(settings)
    assert is_compiled(settings)


def test_a_step_is_gradient_and_adam_on_the_loss():
    """One step of the program, again by hand on the same fixed batches."""
    run = AdditionRun(FIXED)
    state = run._state
    with tf.GradientTape() as tape:
        tape.watch(state.model)
        loss = loss_of(state.model, state.model(state.train.x)[0], state.train.y)
    gradients = tape.gradient(loss, state.model)
    model, _ = adam(state.model, state.moments, gradients, FIXED.learning_rate)
    run.advance(1)
    for a, b in zip(weights(run), tf.nest.flatten(model), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    logits = model(state.validation.x)[0]
    right = (logits.numpy() > 0) == (state.validation.y.numpy() > 0.5)
    expected = [1, loss, loss_of(model, logits, state.validation.y), right.mean()]
    expected.append(right.all(axis=1).mean())
    np.testing.assert_allclose(run.history.iloc[0], expected, atol=1e-5)


def test_history():
    run = AdditionRun(SMALL)
    run.advance(7)
    run.advance(5)
    columns = ["step", "train_loss", "validation_loss", "bit_accuracy", "exact_accuracy"]
    assert list(run.history.columns) == columns
    assert list(run.history.step) == list(range(1, 13))
    assert np.isfinite(run.history).all(axis=None)


def test_fresh_batches_differ_at_every_step_and_fixed_ones_do_not():
    for settings, distinct in ((SMALL, 10), (FIXED, 1)):
        run = AdditionRun(replace(settings, learning_rate=0.0, noise=0.0))
        run.advance(10)
        assert run.history.train_loss.nunique() == distinct
        assert run.history.validation_loss.nunique() == distinct
        assert (run.history.train_loss != run.history.validation_loss).all()


def test_noise_touches_training_only():
    quiet, noisy = (AdditionRun(replace(SMALL, learning_rate=0.0, noise=n)) for n in (0.0, 1.0))
    quiet.advance(5)
    noisy.advance(5)
    assert (quiet.history.validation_loss == noisy.history.validation_loss).all()
    assert (np.abs(quiet.history.train_loss - noisy.history.train_loss) > 1e-3).all()


def test_noise_is_normal_and_independent():
    draw = tf.function(lambda seed: normal([40, 50, 16], seed), jit_compile=True)
    values = np.stack([draw(tf.constant([3, step])) for step in range(4)])
    n = values.size
    assert np.isfinite(values).all()
    assert abs(values.mean()) < 4 / np.sqrt(n)
    assert abs(values.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((values**3).mean()) < 4 * np.sqrt(15 / n)
    assert abs((values**4).mean() - 3) < 4 * np.sqrt(96 / n)
    assert 4 < np.abs(values).max() < 6
    flat = values.reshape(len(values), -1)
    for shift in (1, 16, 800):
        for a, b in ((flat, np.roll(flat, shift, axis=1)), (flat, np.roll(flat, 1, axis=0))):
            assert abs((a * b).mean()) < 4 / np.sqrt(n)
    np.testing.assert_array_equal(values[0], draw(tf.constant([3, 0])))
    assert abs((values[0] * draw(tf.constant([4, 0])).numpy()).mean()) < 4 / np.sqrt(n / 4)


def test_batches_are_uniform_and_their_sums_true():
    draw = tf.function(lambda seed: integers([5000, 2], seed, 4), jit_compile=True)
    numbers = draw(tf.constant([1, 2])).numpy()
    counts = np.unique(numbers[:, 0] * 16 + numbers[:, 1], return_counts=True)[1]
    assert len(counts) == 256
    expected = 5000 / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) < 4 * np.sqrt(2 * 255)
    assert (numbers != draw(tf.constant([1, 3])).numpy()).mean() > 0.9
    batch = batch_of(numbers, 5)
    for (a, b), x, y in zip(numbers[:50], batch.x.numpy(), batch.y.numpy()):
        assert (from_bits(x[:, 0]), from_bits(x[:, 1]), from_bits(y)) == (a, b, a + b)


def test_learning_rate_and_noise_may_change_on_the_way():
    run = AdditionRun(SMALL)
    run.advance(5)
    run.settings = replace(SMALL, learning_rate=0.0, noise=0.1)
    still = weights(run)
    run.advance(5)
    for a, b in zip(still, weights(run)):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="units of a run must stay 4, got 8"):
        run.settings = replace(SMALL, units=8)


def test_snapshots_span_the_run_and_stay_few():
    run = AdditionRun(SMALL)
    run.advance(1500)
    steps = [step for step, _ in run.snapshots]
    assert SNAPSHOTS / 2 <= len(steps) <= SNAPSHOTS and steps[0] == 0
    assert len(set(np.diff(steps))) == 1 and steps[-1] > 1400
    step, model = run.snapshots[3]
    other = AdditionRun(SMALL)
    other.advance(step)
    for a, b in zip(tf.nest.flatten(model), tf.nest.flatten(other.model)):
        np.testing.assert_array_equal(a, b)


def test_advance_for_keeps_to_its_bounds():
    run = AdditionRun(SMALL)
    assert run.advance_for(60.0, at_most=12) == 12 and run.step == 12
    assert run.advance_for(0.001) >= 1
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        run.advance(-1)


@pytest.mark.parametrize(
    "bad, words",
    [
        ({"unit": "cru"}, "unit must be one of"),
        ({"units": 0}, r"units must be an integer in \[1, 64\], got 0"),
        ({"units": 2.5}, "units must be an integer"),
        ({"bits": 17}, r"bits must be an integer in \[2, 16\], got 17"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"learning_rate": -0.1}, r"learning_rate must be a number in \[0, 1\], got -0.1"),
        ({"learning_rate": float("nan")}, "learning_rate must be"),
        ({"noise": float("inf")}, "noise must be"),
        ({"loss": "l2"}, "loss must be one of"),
        ({"data": "old"}, "data must be one of"),
        ({"order": "up"}, "order must be one of"),
        ({"seed": -1}, "seed must be"),
        ({"weights": "zero"}, "weights must be one of"),
    ],
)
def test_settings_name_what_is_wrong(bad, words):
    with pytest.raises(ValueError, match=words):
        AdditionSettings(**bad)


def test_defaults_add_1000_bits_after_200_steps():
    run = AdditionRun()
    run.advance(200)
    assert run.exact() == 1 and run.exact(bits=1000, sums=100, seed=1) == 1
    assert run.add(1024, 16) == 1040 and run.add(3**600, 5**400) == 3**600 + 5**400
    logits, trace = run.model(np.zeros((1, 3, 2), np.float32))
    assert logits.shape == (1, 3) and trace.gates.z.shape == (1, 3, 16)


@pytest.mark.parametrize("unit", ["rnn", "gru", "gru_no_reset", "lstm"])
def test_the_smallest_network_trains(unit):
    run = AdditionRun(AdditionSettings(unit=unit, units=1, bits=2, batch_size=1))
    run.advance(2)
    assert run.step == 2 and not run.diverged and 0 <= run.exact() <= 1


def test_the_tutorials_recipe():
    settings = AdditionSettings.tutorial(seed=3)
    assert (settings.unit, settings.units, settings.bits) == ("gru", 16, 5)
    assert (settings.batch_size, settings.learning_rate, settings.noise) == (100, 0.001, 0.0)
    model = initial_model(settings)
    assert isinstance(model.readout, LinearReadout)
    drawn = np.concatenate([w.numpy().ravel() for w in tf.nest.flatten(model)])
    assert np.abs(drawn).max() <= 0.02
    assert abs(drawn.std() - 0.0088) < 0.0005  # what cutting at two sd leaves of 0.01
    for sums in fixed_batches(settings):
        assert sums.x.shape == (100, 5, 2)
        numbers = [[from_bits(x[:, k]) for x in sums.x.numpy()] for k in (0, 1)]
        assert np.min(numbers) == 0 and np.max(numbers) == 14
    train, validation = fixed_batches(settings)
    assert np.abs(train.x - validation.x).max() == 1


def test_the_tutorials_loss():
    """1/2 (y - bit)^2, summed over bits and averaged over sums."""
    model = initial_model(AdditionSettings.tutorial())
    y = tf.constant([[1.0, 0.0], [1.0, 1.0]])
    output = np.array([[0.8, 0.1], [0.4, 1.5]])
    expected = 0.5 * ((output - y) ** 2).numpy().sum() / 2
    assert abs(loss_of(model, tf.constant(output - 0.5, tf.float32), y) - expected) < 1e-6


def test_the_tutorials_curve_comes_near_zero():
    run = AdditionRun(AdditionSettings.tutorial())
    run.advance(1)
    start = run.history.iloc[0]
    assert 0.8 < start.train_loss < 1.4  # every output near 0, about half of five bits set
    run.advance(4999)
    end = run.history.iloc[-1]
    assert end.train_loss < 0.001 and end.validation_loss < 0.05
    assert run.exact() > 0.9
