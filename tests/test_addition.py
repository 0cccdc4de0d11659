"""Integers, bits, carries, batches, the adder and what it makes of two numbers."""

import random

import numpy as np
import pytest
import tensorflow as tf
from hand_built import hand_built_adder
from reference import random_like

from rnn_core import addition, cells
from rnn_core.addition import (
    Adder,
    LinearReadout,
    add,
    draw,
    encode,
    exact_accuracy,
    forward,
    from_bits,
    sums_of,
    to_bits,
    work_out,
)
from rnn_core.programs import programs


@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 63, 64, 65, 1000, 4321])
def test_integers_come_back_from_their_bits(width):
    rng = random.Random(width)
    for number in (0, 1, 2**width - 1, *(rng.getrandbits(width) for _ in range(20))):
        bits = to_bits(number, width)
        assert bits.shape == (width,) and bits.dtype == np.float32
        assert from_bits(bits) == number
        assert [int(b) for b in bits[:5]] == [number >> k & 1 for k in range(min(5, width))]


@pytest.mark.parametrize(
    "number, width, words",
    [
        (-1, 4, "number must be at least 0, got -1"),
        (1.0, 4, "number must be an integer, got 1.0"),
        ("3", 4, "number must be an integer, got '3'"),
        (True, 4, "number must be an integer, got True"),
        (16, 4, "number must fit in 4 bits, got one of 5 bits"),
        (2**999, 999, "number must fit in 999 bits, got one of 1000 bits"),
    ],
)
def test_what_is_no_number_of_that_width_is_named(number, width, words):
    with pytest.raises(ValueError, match=words):
        to_bits(number, width)


def test_numpy_integers_are_integers():
    assert from_bits(to_bits(np.int64(11), 5)) == 11


@pytest.mark.parametrize("bits", [[0, 2], [0.5], [[0, 1]]])
def test_what_is_no_bits_is_named(bits):
    with pytest.raises(ValueError, match="bits must be a row of zeros and ones"):
        from_bits(bits)


@pytest.mark.parametrize("width", [2, 3, 8, 64, 333])
def test_sums_and_carries_are_those_of_arithmetic(width):
    rng = random.Random(width)
    pairs = [(rng.getrandbits(width - 1), rng.getrandbits(width - 1)) for _ in range(30)]
    ripple = (2 ** (width - 1) - 1, 1)  # one carry through all bits
    pairs += [(0, 0), ripple, (2 ** (width - 1) - 1,) * 2]
    sums = sums_of(encode(pairs, width))
    for row, (a, b) in enumerate(pairs):
        assert from_bits(sums.y[row].numpy()) == a + b
        for t in range(width):
            low = 2**t - 1
            assert sums.carry[row, t] == (a & low) + (b & low) >> t


def test_drawn_sums_fit_and_differ_by_seed():
    first, again, other = draw([1, 2], 200, 6), draw([1, 2], 200, 6), draw([1, 3], 200, 6)
    np.testing.assert_array_equal(first.x, again.x)
    assert np.abs(first.x - other.x).max() == 1
    assert first.x.shape == (200, 6, 2) and np.abs(first.x[:, -1]).max() == 0
    for x, y in zip(first.x.numpy(), first.y.numpy()):
        assert from_bits(x[:, 0]) + from_bits(x[:, 1]) == from_bits(y)
    low = first.x.numpy()[:, :-1]
    assert abs(low.mean() - 0.5) < 0.05
    with pytest.raises(ValueError, match="bits must be at least 2, got 1"):
        draw([0, 0], 1, 1)


@pytest.mark.parametrize("unit", list(cells.CELLS))
@pytest.mark.parametrize("order", addition.ORDERS)
def test_the_adder_in_every_order(unit, order):
    model = random_like(Adder.init(unit, 3, order=order, seed=0))
    x = draw([0, 0], 4, 6).x
    logits, trace = model(x)
    assert logits.shape == (4, 6)
    expected = trace.h @ model.readout.W + model.readout.b
    np.testing.assert_allclose(logits, expected[..., 0], atol=1e-5)
    # Which bits can a logit depend on? Change the lowest and the highest, and see.
    lowest, highest = x.numpy(), x.numpy()
    lowest[:, 0], highest[:, -1] = 1 - lowest[:, 0], 1 - highest[:, -1]
    from_lowest = np.abs(model(lowest)[0] - logits).max(axis=0)
    from_highest = np.abs(model(highest)[0] - logits).max(axis=0)
    assert (from_lowest[0] > 0) and (from_highest[-1] > 0)
    assert (from_highest[0] == 0) == (order == "lowest_first")
    assert (from_lowest[-1] == 0) == (order == "highest_first")


def test_lengths_mix_widths_in_one_batch():
    model = random_like(Adder.init("gru", 3, order="both", seed=0))
    x = draw([0, 0], 2, 9).x
    both = model(x, [9, 4])[0]
    np.testing.assert_allclose(both[1, :4], model(x[1:, :4])[0][0], atol=1e-6)


@pytest.mark.parametrize("order", addition.ORDERS)
@pytest.mark.parametrize("count, width", [(1, 5), (3, 64), (101, 5), (2, 65)])
def test_forward_is_the_model_whatever_it_is_padded_to(order, count, width):
    model = random_like(Adder.init("gru", 2, order=order, seed=0))
    x = draw([0, 0], count, width).x
    np.testing.assert_allclose(forward(model, x), model(x)[0], atol=1e-5)
    lengths = np.arange(count) % width + 1
    expected = model(x, lengths)[0] * tf.sequence_mask(lengths, width, tf.float32)
    np.testing.assert_allclose(forward(model, x, lengths), expected, atol=1e-5)


def test_forward_of_nothing():
    assert forward(Adder.init(seed=0), np.zeros((0, 5, 2))).shape == (0, 5)


def test_other_weights_and_widths_compile_nothing_new():
    first = Adder.init("rnn", 2, seed=0)
    exact_accuracy(first, bits=5)
    exact_accuracy(first, bits=100)
    before = len(programs)
    for seed in range(3):
        model = Adder.init("rnn", 2, seed=seed)
        for bits in (2, 8, 64, 65, 1000, 1024):
            exact_accuracy(model, bits=bits, sums=30 + seed)
    assert len(programs) == before


def test_a_network_that_adds_exactly_adds_any_numbers():
    model = hand_built_adder("gru")
    rng = random.Random(0)
    for bits in (1, 5, 64, 1000):
        a, b = rng.getrandbits(bits), rng.getrandbits(bits)
        assert add(model, a, b) == a + b
        assert exact_accuracy(model, bits=max(2, bits)) == 1
    assert add(model, 0, 0) == 0 and add(model, 2**500 - 1, 1) == 2**500


def test_an_untrained_network_adds_almost_nothing():
    assert exact_accuracy(Adder.init(seed=0), bits=16, sums=200) < 0.05


def test_a_sum_bit_by_bit():
    model = hand_built_adder("gru")
    result = work_out(model, 11, 7)
    assert (result.a, result.b, result.total, result.truth) == (11, 7, 18, 18)
    assert result.right
    np.testing.assert_array_equal(result.a_bits, [1, 1, 0, 1, 0])
    np.testing.assert_array_equal(result.b_bits, [1, 1, 1, 0, 0])
    np.testing.assert_array_equal(result.carry, [0, 1, 1, 1, 1])
    np.testing.assert_array_equal(result.true_bits, [0, 1, 0, 0, 1])
    np.testing.assert_array_equal(result.bits, result.true_bits)
    np.testing.assert_array_equal(result.probability > 0.5, result.bits == 1)
    assert len(work_out(model, 1, 1, width=9).bits) == 9
    untrained = work_out(Adder.init(seed=0), 11, 7)
    logits = forward(Adder.init(seed=0), encode([(11, 7)], 5))[0]
    np.testing.assert_allclose(untrained.probability, 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert not untrained.right and untrained.total == from_bits(untrained.bits)


def test_sums_that_cannot_be_asked_for():
    model = hand_built_adder("gru")
    with pytest.raises(ValueError, match="b must be at least 0, got -4"):
        add(model, 3, -4)
    with pytest.raises(ValueError, match="a must be an integer, got 'x'"):
        add(model, "x", 4)
    with pytest.raises(ValueError, match="width must be at least 5 for this sum, got 4"):
        work_out(model, 8, 8, width=4)
    with pytest.raises(ValueError, match="sums must be at least 1, got 0"):
        exact_accuracy(model, bits=5, sums=0)


def test_a_linear_readout_aims_at_the_bit_itself():
    W, b = tf.constant([[2.0], [-1.0]]), tf.constant([0.25])
    readout = LinearReadout(W, b)
    logits = readout.logits(tf.constant([[0.5, 0.5], [0.0, 0.0], [1.0, 0.0]]))
    np.testing.assert_allclose(logits, [0.25, -0.25, 1.75])
    np.testing.assert_allclose(readout.probability(logits), [0.75, 0.25, 1.0])


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unit must be one of .*'gru'.*, got 'cru'"):
        Adder.init("cru", 3, seed=0)
    with pytest.raises(ValueError, match="order must be one of .*'both'.*, got 'none'"):
        Adder.init("gru", 3, order="none", seed=0)
