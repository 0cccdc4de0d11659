"""Exact sums by width, and one sum bit by bit."""

import pytest
import tensorflow as tf
from hand_built import CARRY, hand_built_adder

from rnn_core.addition import Adder, exact_accuracy, work_out
from rnn_core.report import SUMS, WIDE_SUMS, WIDTHS, Measurement, bit_table


def forgetful_adder() -> Adder:
    """Adds bit by bit and drops every carry."""
    model = hand_built_adder("rnn")
    U = model.cell.U.numpy()
    U[CARRY] = 0.0
    return model._replace(cell=model.cell._replace(U=tf.constant(U)))


def measure(model, **options) -> Measurement:
    m = Measurement(model, bits=6, step=70, **options)
    while not m.advance_for(0.0):
        pass
    return m


def test_an_exact_adder_is_solved_at_every_width():
    table = measure(hand_built_adder("gru")).table
    assert list(table.bits) == sorted({*WIDTHS, 6})
    assert (table.right == table.sums).all() and (table.exact == 1).all()
    assert list(table.bits[table.trained]) == [6]
    assert table.set_index("bits").sums[64] == SUMS
    assert table.set_index("bits").sums[1000] == WIDE_SUMS


def test_counts_are_those_of_exact_accuracy_and_depend_on_the_seed():
    model = forgetful_adder()
    m = measure(model, seed=5)
    right, sums = m.right(5)
    assert 0 < right < sums
    assert right / sums == exact_accuracy(model, bits=5, sums=sums, seed=5)
    assert right != measure(model, seed=6).right(5)[0]
    assert not m.solved(5) and m.right(1000) == (0, WIDE_SUMS)


def test_a_budget_measures_one_width_at_least_and_no_more_than_it_may():
    m = Measurement(hand_built_adder("rnn"), bits=5, step=1)
    assert not m.advance_for(0.0) and len(m.table) == 1 and not m.done
    with pytest.raises(KeyError):
        m.right(1000)
    assert m.advance_for(3600.0) and m.done and len(m.table) == len(WIDTHS)


def test_bits_must_be_at_least_two():
    with pytest.raises(ValueError, match="bits must be at least 2, got 1"):
        Measurement(hand_built_adder("rnn"), bits=1, step=0)


def test_bit_table_marks_exactly_the_bits_that_dropped_carries_spoil():
    a, b = 0b1011, 0b0110
    table = bit_table(work_out(forgetful_adder(), a, b))
    assert list(table.a) == [1, 1, 0, 1, 0] and list(table.b) == [0, 1, 1, 0, 0]
    assert list(table.carry) == [0, 0, 1, 1, 1]
    assert list(table.true) == [1, 0, 0, 0, 1] and list(table.network) == [1, 0, 1, 1, 0]
    assert list(table.wrong) == [False, False, True, True, True]
    assert ((table.probability > 0.5) == (table.network == 1)).all()
