"""The sentences of the Gates page."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest

from rnn_core import analysis
from rnn_core.addition import Adder
from ui import gate_words


def clamped(*shares):
    return pd.DataFrame(shares, columns=["bits", "before", "after"])


@pytest.mark.parametrize(
    "shares, verdict",
    [
        ([(5, 1.0, 1.0), (16, 1.0, 1.0)], "The sums do not need it to move."),
        ([(5, 1.0, 0.6), (16, 1.0, 0.1)], "It matters."),
        ([(5, 1.0, 0.03), (16, 1.0, 0.0)], "Without it the network can't add."),
        ([(5, 0.0, 0.0), (16, 0.0, 0.0)], "It can't add either way, so this clamp shows nothing."),
    ],
)
def test_a_clamp_is_judged_against_what_was_there_before(shares, verdict):
    assert gate_words.clamp(clamped(*shares), "z", "3", 0.5).endswith(verdict)


def test_appearance_speaks_of_transplants_only_where_they_apply():
    with_them = gate_words.appearance(20, None, 40, tells=0.99, moved=True)
    assert with_them == (
        "A signal tells the carry (AUC at least 0.99) from step 20 on; 99% of transplants flip the"
        " carry from step 40 on; 99% of 8-bit sums are right: not at the end."
    )
    assert "transplant" not in gate_words.appearance(20, None, None, tells=0.99, moved=False)


@pytest.mark.parametrize(
    "unit, sentence",
    [
        ("lstm", "h and c on the right are those before the bit, but tanh(c) takes the new c"),
        ("gru", "h on the right is the state before the bit"),
        ("rnn", "h on the right is the state before the bit"),
    ],
)
def test_which_state_the_equations_speak_of(unit, sentence):
    reading = analysis.read(Adder.init(unit, 4, seed=0), 11, 6)
    lines = analysis.equations(reading, 2, 1)
    assert sentence in gate_words.equations("1", 2, lines)
    if unit == "lstm":  # as it says: the new c, not the one before
        h = next(line for line in lines if line.name == "h")
        new, old = (reading.signals["c"][0, bit, 1] for bit in (2, 1))
        assert abs(h.terms[0].right - math.tanh(new)) < 1e-6 < abs(new - old)


def test_no_control_of_one_page_is_a_control_of_another():
    """Streamlit keeps widgets by key for a whole visit: a shared key would carry values across."""
    pages = {"train": ("train", "recipe"), "gates": ("gate",), "headlines": ("headline",)}
    keys: dict[str, set[str]] = {}
    for page, starts in pages.items():
        for file in (Path(__file__).parent.parent / "ui").glob("*.py"):
            if file.stem.startswith(starts):
                found = re.findall(r'\bkey="(\w+)"', file.read_text())
                keys.setdefault(page, set()).update(found)
    assert all(len(found) > 5 for found in keys.values())
    assert not keys["train"] & keys["gates"] and not keys["gates"] & keys["headlines"]
    assert not keys["train"] & keys["headlines"]
