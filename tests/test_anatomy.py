"""What an analysis reads and changes: a cell's terms, held signals, compiled observation."""

import numpy as np
import op_by_op
import pytest
import tensorflow as tf
from hand_built import hand_built_adder, random_adder

from rnn_core import analysis
from rnn_core.addition import draw
from rnn_core.analysis.anatomy import BLOCKS, GATES, LSTM_REACH
from rnn_core.analysis.experiments import state_after
from rnn_core.analysis.observe import observe
from rnn_core.cells import CELLS

KINDS = list(CELLS)
SIGNALS = [
    (kind, name) for kind in KINDS for name in analysis.signal_names(CELLS[kind].init(2, 2, seed=0))
]


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    op_by_op.install(monkeypatch)


# ---------------------------------------------------------------- equations


@pytest.mark.parametrize("order", ["lowest_first", "highest_first", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_terms_add_up_to_the_trace(kind, order):
    model = random_adder(kind, units=6, order=order)
    reading = analysis.read(model, 21, 14)
    units = model.cell.units
    names = {block.name for block in BLOCKS[CELLS[kind]]} | set(analysis.signal_names(model.cell))
    for bit in range(reading.x.shape[1]):
        for unit in range(units):
            lines = analysis.equations(reading, bit, unit, largest=2)
            assert {line.name for line in lines} == names
            for line in lines:
                total = sum(term.value for term in line.terms)
                assert line.total == pytest.approx(total, abs=1e-9)
                squash = {"sigmoid": tf.sigmoid, "tanh": tf.tanh, None: tf.identity}[line.squash]
                assert float(squash(line.total)) == pytest.approx(line.result, abs=1e-5)
                assert line.gap < 1e-5
                assert line.result == pytest.approx(
                    float(reading.signals[line.name][0, bit, unit]), abs=1e-7
                )
                for term in line.terms:
                    if term.right is not None:
                        assert term.left * term.right == pytest.approx(term.value, abs=1e-9)


def test_the_largest_recurrent_terms_are_named():
    reading = analysis.read(random_adder("gru", units=6), 29, 11)
    line = analysis.equations(reading, 3, 2, largest=2)[0]
    kinds = [term.kind for term in line.terms]
    assert kinds == ["input", "input", "recurrent", "recurrent", "others", "bias"]
    every = analysis.equations(reading, 3, 2, largest=6)[0]
    sizes = [abs(term.value) for term in every.terms if term.kind == "recurrent"]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 6
    assert [t.text for t in line.terms[2:4]] == [t.text for t in every.terms[2:4]]
    assert line.terms[4].text == "4 more of h" and "others" not in {t.kind for t in every.terms}


@pytest.mark.parametrize("bit, unit, word", [(-1, 0, "bit"), (6, 0, "bit"), (0, 5, "unit")])
def test_equations_of_a_cell_that_is_not_there(bit, unit, word):
    with pytest.raises(ValueError, match=f"{word} must be in"):
        analysis.equations(analysis.read(random_adder(), 21, 14), bit, unit)


# ---------------------------------------------------------------- holding a signal


@pytest.mark.parametrize("order", ["lowest_first", "highest_first", "both"])
@pytest.mark.parametrize("kind, signal", SIGNALS)
def test_a_held_signal_stands_still_and_leaves_the_rest_alone(kind, signal, order):
    model = random_adder(kind, units=4, order=order)
    x = draw([1, 2], 3, 6).x
    plain = analysis.signals(model.cell, model(x)[1])
    value = 0.25 if signal in GATES else -0.6
    for unit in (1, model.cell.units - 1, None):
        held = analysis.hold(model.cell, signal, unit, value)
        assert type(held) is type(model.cell)
        after = analysis.signals(held, model._replace(cell=held)(x)[1])
        column = slice(None) if unit is None else unit
        np.testing.assert_allclose(after[signal][..., column], value, atol=1e-6)
        assert np.ptp(plain[signal][..., column]) > 0.01
        if unit is not None:
            # Other units read the same start, so their first step is as it was.
            first = 0 if order == "lowest_first" else 5
            others = [u for u in range(4) if u != unit]
            for name in plain:
                if order != "both":
                    np.testing.assert_array_equal(
                        plain[name][:, first, others], after[name][:, first, others]
                    )


@pytest.mark.parametrize("kind, signal", SIGNALS)
def test_signals_can_be_held_at_both_ends(kind, signal):
    model = random_adder(kind, units=3)
    low, high = analysis.reach(model.cell, signal)
    assert (low, high) == ((0, 1) if signal in GATES else (-high, high))
    for value in (low, high):
        held = model._replace(cell=analysis.hold(model.cell, signal, 2, value))
        got = analysis.signals(held.cell, held(draw([1, 2], 3, 6).x)[1])[signal][..., 2]
        np.testing.assert_allclose(got, value, atol=1e-6)
    assert analysis.reach(hand_built_adder("lstm").cell, "h")[1] == LSTM_REACH


@pytest.mark.parametrize(
    "signal, unit, value, message",
    [
        ("o", 0, 0.5, r"signal must be one of \['z', 'r', 'h_tilde', 'h'\], got 'o'"),
        ("z", 5, 0.5, r"unit must be in \[0, 5\), got 5"),
        ("z", 0, 1.5, r"value of z must be in \[0, 1\], got 1.5"),
        ("h", 0, float("nan"), "value of h must be in"),
    ],
)
def test_what_cannot_be_held_is_refused(signal, unit, value, message):
    with pytest.raises(ValueError, match=message):
        analysis.clamp(random_adder(), signal, unit, value, widths=(5,), sums=10)


# ---------------------------------------------------------------- compiled


@pytest.mark.parametrize(
    "kind, order", [("gru", "lowest_first"), ("lstm", "lowest_first"), ("rnn", "both")]
)
def test_compiled_observation_is_the_model(kind, order):
    """Padding, blocks and replaced states change nothing that is returned."""
    model = random_adder(kind, units=3, order=order)
    for count, bits in ((1, 9), (7, 5)) if order == "lowest_first" else ((2, 6),):
        x = draw([bits, 3], count, bits).x.numpy()
        logits, trace = model(x)
        got, seen = observe(model, x)
        np.testing.assert_allclose(got, logits, atol=1e-5)
        mine, theirs = analysis.signals(model.cell, seen), analysis.signals(model.cell, trace)
        for name in theirs:
            np.testing.assert_allclose(mine[name], theirs[name], atol=1e-5)
    if order != "lowest_first":
        with pytest.raises(ValueError, match="reads the lowest bit first"):
            observe(model, x, state=np.zeros((2, 6)), at=np.zeros(2))
        return
    at = np.arange(7) % 4
    state = state_after(model, observe(model, x[::-1])[1], at)
    moved = observe(model, x, state=state, at=at)[0]
    np.testing.assert_allclose(moved, op_by_op.observe(model, x, state=state, at=at)[0], atol=1e-5)
    assert np.abs(moved - got).max() > 0.01
