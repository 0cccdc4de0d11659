"""Analyses against networks whose answer is known: hand-built, untrained, and damaged ones."""

import sys

import numpy as np
import op_by_op
import pandas as pd
import pytest
import tensorflow as tf
from hand_built import CARRY, hand_built_adder, random_adder

from rnn_core import analysis
from rnn_core.addition import Adder, draw, exact_accuracy
from rnn_core.analysis import NotApplicable
from rnn_core.analysis.experiments import after, expected
from rnn_core.analysis.machine import first_difference, minimise, quantise
from rnn_core.analysis.observe import MANY, ONE
from rnn_core.cells import CELLS
from rnn_core.stacks import Backward, Bidirectional, Stack

KINDS = list(CELLS)


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    op_by_op.install(monkeypatch)


@pytest.fixture(scope="module", params=KINDS)
def exact(request):
    return hand_built_adder(request.param)


# ---------------------------------------------------------------- a network that adds exactly


def test_hand_built_adders_add(exact):
    assert exact_accuracy(exact, bits=64, sums=100) == 1.0
    reading = analysis.read(exact, 2**63 + 12345, 2**63 + 54321)
    assert reading.total == reading.truth == 2**64 + 66666 and reading.wrong == []


def test_automaton_of_an_exact_adder_is_the_full_adder(exact):
    found = analysis.automaton(exact, sums=100, bits=8)
    assert found.recovered and found.states == 2 and found.agreement == 1.0
    assert found.steps == 800 and "100% of 800 fresh steps" in found.reason
    table = found.transitions
    assert (table["next"] == (table["state"] + table["a"] + table["b"] >= 2)).all()
    assert (table["bit"] == (table["state"] + table["a"] + table["b"]) % 2).all()
    assert (table["count"] > 0).all()


def test_transplant_flips_the_carry_of_an_exact_adder(exact):
    pairs = analysis.transplants(exact, pairs=100, bits=8)
    assert pairs["success"].all() and not pairs["before"].any()
    assert set(pairs["carry"]) == {0, 1} and pairs["bit"].nunique() > 4
    assert analysis.transplant(exact, pairs=100) == 1.0


def test_lens_finds_the_carry_unit_and_only_shuffled_labels_lose_it(exact):
    lens = analysis.carry_lens(exact, sums=200)
    row = lens[(lens["signal"] == "h") & (lens["unit"] == CARRY)].iloc[0]
    assert row["auc"] == 1.0 and row["sign"] == 1 and 0.4 < row["shuffled_auc"] < 0.6
    assert lens["auc"].is_monotonic_decreasing
    # At a bit where a != b the other two units are constant: they know nothing.
    others = lens[(lens["signal"] == "h") & (lens["unit"] != CARRY)]
    assert (others["auc"] == 0.5).all()
    assert analysis.unit_order(lens)[0] == CARRY


def test_clamping_the_carry_unit_breaks_it_as_computed(exact):
    low, high = analysis.reach(exact.cell, "h")
    for value, carry in ((high, 1), (low, 0)):
        table = analysis.clamp(exact, "h", CARRY, value, widths=(5, 16), sums=100)
        batch = {bits: draw([0, bits], 100, bits) for bits in (5, 16)}
        for row in table.itertuples():
            x, truth = batch[row.bits].x.numpy(), batch[row.bits].y.numpy()
            # Held at one value, the unit says "carry" to every bit but the first, which reads the
            # start, and it takes its own value to the read-out.
            k = x.sum(-1) + np.where(np.arange(row.bits) > 0, carry, 0)
            bit = 2 * (k >= 1) - 1 - (2 * carry - 1) + 2 * (k >= 3) - 1 > 0
            assert row.before == 1.0
            assert row.after == pytest.approx((bit == truth).all(1).mean())
            assert row.after < 0.5


def test_clamping_what_is_already_held_changes_nothing():
    for kind, signal, value in (("gru", "z", 1.0), ("lstm", "f", 0.0), ("gru", "r", 1.0)):
        table = analysis.clamp(hand_built_adder(kind), signal, None, value, widths=(5,), sums=50)
        assert table["after"].tolist() == [1.0]


def test_appearance_reads_each_snapshot():
    # The exact adder has three units, the untrained one five: each row is its own network.
    table = analysis.appearance(
        [(0, random_adder()), (300, hand_built_adder("gru"))], sums=50, bits=6
    )
    assert table["step"].tolist() == [0, 300]
    assert table[["auc", "exact", "transplant"]].iloc[1].tolist() == [1.0, 1.0, 1.0]
    assert table["exact"].iloc[0] < 0.5 and table["transplant"].iloc[0] < 0.5
    with_both = analysis.appearance([(0, random_adder(order="both"))], sums=50, bits=6)
    assert np.isnan(with_both["transplant"].iloc[0])


def test_a_network_that_diverged_has_no_state_space():
    broken = tf.nest.map_structure(lambda w: w * np.nan, random_adder())
    with pytest.raises(analysis.NotApplicable, match="no longer finite numbers"):
        analysis.state_space(broken, sums=10, bits=4)


def test_state_space_separates_the_carry_and_places_the_path(exact):
    space = analysis.state_space(exact, sums=40, bits=6)
    assert len(space.points) == 240 and 0 < space.share[1] <= space.share[0] <= 1
    assert np.allclose(space.axes.T @ space.axes, np.eye(2), atol=1e-5)
    reading = analysis.read(exact, 13, 7, width=6)
    path = analysis.path(space, reading)
    assert path["carry"].tolist() == [1, 1, 1, 1, 0, 0]
    # An exact adder has few states, so each of the path lies on one of the cloud's.
    cloud = space.points[["first", "second"]].to_numpy()
    gaps = np.abs(path[["first", "second"]].to_numpy()[:, None] - cloud).sum(-1).min(1)
    assert gaps.max() < 1e-4


# ---------------------------------------------------------------- networks that know nothing


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_claimed_of_an_untrained_network(kind):
    for seed in range(3):
        model = Adder.init(kind, 8, seed=seed)
        found = analysis.automaton(model, sums=100, bits=8)
        assert not found.recovered and "full adder:" in found.reason or found.agreement < 1
        assert analysis.carry_lens(model, sums=200)["auc"].iloc[0] < analysis.TELLS
        assert analysis.transplant(model, pairs=100) < 0.5


def test_a_network_that_ignores_its_state_has_no_carry():
    model = hand_built_adder("rnn")
    deaf = model._replace(cell=model.cell._replace(U=tf.zeros([3, 3])))
    found = analysis.automaton(deaf, sums=100, bits=8)
    assert found.agreement == 1.0 and found.states == 1 and not found.recovered
    assert "not the full adder: in state S0, with carry 1, it writes 0 for 0 + 0" in found.reason
    assert analysis.transplant(deaf, pairs=100) < 0.3
    assert analysis.carry_lens(deaf, sums=100)["auc"].max() <= 0.5


def test_an_adder_that_forgets_is_not_recovered():
    """Its carry fades: right on short runs of carries, wrong on long ones."""
    model = hand_built_adder("gru")
    W, U, b = (w.numpy().copy() for w in model.cell)
    U[CARRY, 6:] = 2.0
    b[6:] = -40 * np.arange(3) - 1.0
    found = analysis.automaton(
        model._replace(cell=type(model.cell)(*map(tf.constant, (W / 20, U / 4, b / 20)))),
        sums=100,
        bits=16,
    )
    assert not found.recovered and found.agreement < 1


# ---------------------------------------------------------------- reading orders


@pytest.mark.parametrize("order", ["highest_first", "both"])
def test_what_needs_a_travelling_carry_declines_other_orders(order):
    model = random_adder(order=order)
    for test in (analysis.transplant, analysis.automaton):
        with pytest.raises(NotApplicable, match="needs"):
            test(model)
    with pytest.raises(NotApplicable, match="A transplant needs"):
        analysis.transplant_one(analysis.read(model, 5, 6), 1, 1, 0)
    lens = analysis.carry_lens(model, sums=50)
    assert len(lens) == 4 * model.cell.units
    labels = analysis.unit_labels(model.cell)
    assert labels[-1] == {"highest_first": "4", "both": "9 ←"}[order]


def test_a_stack_is_declined():
    model = random_adder()
    stack = model._replace(cell=Stack((model.cell,)))
    with pytest.raises(NotApplicable, match="got Stack"):
        analysis.read(stack, 1, 2)
    mixed = Bidirectional(model.cell, random_adder("lstm").cell)
    with pytest.raises(NotApplicable, match="one kind"):
        analysis.read(model._replace(cell=mixed), 1, 2)
    assert analysis.signal_names(Backward(model.cell)) == ("z", "r", "h_tilde", "h")


# ---------------------------------------------------------------- the pieces


def test_auc_is_the_chance_of_ranking_right():
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(40, 3)), 1)  # rounded, so that some tie
    labels = rng.integers(0, 2, 40)
    ones, zeros = values[labels == 1], values[labels == 0]
    pairs = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    np.testing.assert_allclose(analysis.auc(values, labels), pairs.mean((0, 1)))
    assert np.isnan(analysis.auc(values, np.ones(40))).all()


def test_a_transplant_of_one_sum_matches_the_definition():
    model = hand_built_adder("gru")
    reading = analysis.read(model, 3, 1, width=5)
    table = analysis.transplant_one(reading, 0, 0, 0)  # 3 + 1 carries out of bit 0, 0 + 0 does not
    # bits above the lowest: 1 + 0, with no carry now
    assert table["moved"].tolist() == [0, 1, 0, 0, 0]
    assert table["network"].tolist() == [0, 0, 1, 0, 0]
    later = table[table["later"]]
    assert later["bit"].tolist() == [1, 2, 3, 4] and (later["moved"] == later["wanted"]).all()
    with pytest.raises(ValueError, match=r"bit must be in \[0, 4\)"):
        analysis.transplant_one(reading, 0, 0, 4)


def test_expected_overrides_one_carry():
    x = draw([0, 1], 20, 7).x.numpy()
    at, carry = np.arange(20) % 6, (np.arange(20) // 2) % 2
    got = expected(x, at, carry)
    for row in range(20):
        c = carry[row]
        for t in range(at[row] + 1, 7):
            total = x[row, t].sum() + c
            assert got[row, t] == (total % 2 == 1)
            c = total >= 2
    assert after(x).shape == (20, 7)


def test_minimise_merges_what_cannot_be_told_apart():
    # Two copies of the full adder, feeding each other.
    next_ = np.array([[0, 2, 0, 1], [2, 3, 1, 3], [2, 0, 0, 3], [0, 1, 3, 1]])
    bit = np.array([[0, 1, 1, 0], [1, 0, 0, 1]] * 2)
    block = minimise(next_, bit)
    assert block[0] == block[2] != block[1] == block[3]
    merged = np.array([[0, 0, 0, 1], [0, 1, 1, 1]])
    assert first_difference(merged, bit[:2]) is None
    assert "writes 0" in first_difference(merged, np.where(bit[:2], bit[:2], 0) * [1, 0, 1, 1])
    assert "never seen" in first_difference(merged, np.array([[0, 1, 1, -1], [1, 0, 0, 1]]))
    # Equal outputs, but what follows differs one step later.
    chain = np.array([[1, 1, 1, 1], [2, 2, 2, 2], [2, 2, 2, 2]])
    wrote = np.array([[0] * 4, [0] * 4, [1] * 4])
    assert len(set(minimise(chain, wrote))) == 3


def test_quantise_finds_separate_places():
    rng = np.random.default_rng(2)
    places = np.array([[0, 0], [5, 0], [0, 7.0]])
    points = np.repeat(places, 20, axis=0) + rng.normal(0, 0.01, (60, 2))
    centres = quantise(points, 3)
    assert np.abs(centres[np.lexsort(centres.T)] - places[np.lexsort(places.T)]).max() < 0.05
    assert len(quantise(np.zeros((9, 2)), 4)) == 1


def test_signal_table_places_units_by_their_order():
    reading = analysis.read(random_adder("lstm", units=3), 5, 9)
    table = analysis.signal_table(reading, [2, 0, 1])
    assert table.groupby("unit")["row"].first().tolist() == [1, 2, 0]
    cell = table[(table["signal"] == "c") & (table["bit"] == 2) & (table["unit"] == 1)].iloc[0]
    assert cell["value"] == reading.signals["c"][0, 2, 1]
    assert cell["colour"] == pytest.approx(np.tanh(cell["value"]))
    with pytest.raises(ValueError, match="each of 3 units once"):
        analysis.signal_table(reading, [0, 0, 1])


def test_bit_table_is_the_sum():
    table = analysis.bit_table(analysis.read(hand_built_adder("rnn"), 11, 6))
    assert table["a"].tolist() == [1, 1, 0, 1, 0] and table["b"].tolist() == [0, 1, 1, 0, 0]
    assert table["carry_in"].tolist() == [0, 0, 1, 1, 1]
    assert table["carry_out"].tolist() == [0, 1, 1, 1, 0]
    assert table["network"].tolist() == table["sum"].tolist() == [1, 0, 0, 0, 1]
    assert table["right"].all()
    with pytest.raises(ValueError, match="width must be at least 5, got 4"):
        analysis.read(hand_built_adder("rnn"), 11, 6, width=4)


@pytest.mark.parametrize("a, b", [(0, 0), (255, 255), (181, 107)])
def test_a_donor_differs_in_its_carry(a, b):
    reading = analysis.read(hand_built_adder("gru"), a, b, width=9)
    for bit in range(8):
        donor = analysis.donor(reading, bit, seed=bit)
        assert sum(donor) < 2**9
        other = analysis.read(reading.model, *donor, width=9)
        assert after(other.x)[0, bit] != after(reading.x)[0, bit]
        table = analysis.transplant_one(reading, *donor, bit)
        assert table[table["later"]]["right"].all()
        assert not (table["moved"] == table["network"])[table["later"]].all()


def test_first_over_is_where_it_stays():
    table = pd.DataFrame({"step": [0, 8, 16, 24], "exact": [0.0, 1.0, 0.5, 1.0]})
    assert analysis.first_over(table, "exact", 0.99) == 24
    assert analysis.first_over(table, "exact", 0.0) == 0
    assert analysis.first_over(table.iloc[:3], "exact", 0.99) is None
    assert analysis.first_over(table.assign(exact=np.nan), "exact", 0.1) is None


def test_the_full_adder_table_adds():
    table = analysis.full_adder()
    total = table["state"] + table["a"] + table["b"]
    assert (table["next"] * 2 + table["bit"] == total).all() and len(table) == 8


def test_warm_up_makes_all_that_looking_takes(monkeypatch):
    made = []
    module = sys.modules["rnn_core.analysis.observe"]
    compile_ = module._compile
    monkeypatch.setattr(module, "_compile", lambda *args: made.append(args[1:3]) or compile_(*args))
    model = Adder.init("gru_no_reset", 3, seed=0)
    analysis.warm_up(model)
    assert made == [ONE, MANY]
    lens = analysis.carry_lens(model)
    analysis.read(model, 211, 69)
    analysis.automaton(model)
    assert len(made) == 2 and len(lens) == 2 * 3 + 3
