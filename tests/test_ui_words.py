"""What people type and read: numbers, sentences, scripts."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from rnn_core.settings import AdditionSettings
from ui import charts, downloads, equations, headline_words, inputs, palette, words


@pytest.mark.parametrize(
    "text, number",
    [("0", 0), (" 42 ", 42), ("1,024", 1024), ("007", 7), (str(2**1000 - 1), 2**1000 - 1)],
)
def test_whole_numbers(text, number):
    assert inputs.whole_number(text, "a", bits=1000) == number


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "Type a whole number for a."),
        ("  ", "Type a whole number for a."),
        ("-4", "a must not be negative"),
        ("12x", "contains “x”"),
        ("1.5", "contains “.”"),
        ("٣", "contains “٣”"),
        ("9" * 2000, "a has 2,000 digits; at most 1,000 bits fit, about 302 digits."),
        (str(2**1000), "a needs 1,001 bits; at most 1,000 bits fit."),
    ],
)
def test_what_is_not_a_whole_number_gets_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=".") as error:
        inputs.whole_number(text, "a", bits=1000)
    assert sentence in str(error.value)


def test_small_limits_are_named_in_full():
    with pytest.raises(ValueError, match=r"b must be at most 255 \(8 bits\), got 256\."):
        inputs.whole_number("256", "b", bits=8)


def test_the_script_repeats_every_change_on_the_way():
    first = AdditionSettings(unit="lstm", units=8, seed=3)
    second = replace(first, learning_rate=0.005)
    third = replace(second, noise=0.0)
    script = downloads.script(300, [(0, first), (120, second), (200, third)])
    calls = []

    class Run:
        def __init__(self, settings):
            self.settings = settings

        def advance(self, steps):
            calls.append((steps, self.settings))

        def exact(self, bits):
            return 1.0

        history = charts.pd.DataFrame({"step": []})

    code = script.replace("from rnn_core.training import AdditionRun, AdditionSettings", "")
    exec(
        compile(code, "script", "exec"), {"AdditionRun": Run, "AdditionSettings": AdditionSettings}
    )
    assert calls == [(120, first), (80, second), (100, third)]


def test_equations_stand_for_every_unit_and_align_at_their_sign():
    for unit in words.UNITS:
        lines = equations.EQUATIONS[unit]
        assert equations.latex(unit).count("&") == len(lines)
    assert r"(1 - z) \odot h + z \odot \tilde h" in equations.latex("gru")


def test_thin_keeps_first_and_last():
    history = charts.pd.DataFrame({"step": range(1, 10_002)})
    kept = charts.thin(history)
    assert len(kept) <= charts.POINTS + 1
    assert kept.step.iloc[0] == 1 and kept.step.iloc[-1] == 10_001


def test_specifications_hold_nothing_that_changes():
    for build in (
        lambda: charts.loss_spec(True),
        charts.width_spec,
        lambda: charts.strip_spec(True),
    ):
        assert build() is build() and "datasets" not in build()


def test_a_strip_stands_as_written_and_marks_the_network_only():
    bits = charts.pd.DataFrame(
        {
            "bit": range(4),
            "a": [1, 0, 1, 0],
            "b": [0, 0, 1, 0],
            "carry": [0, 0, 0, 1],
            "true": [1, 0, 0, 1],
            "network": [1, 1, 0, 1],
            "probability": [0.9, 0.8, 0.1, 0.9],
            "wrong": [False, True, False, False],
        }
    )
    rows = charts.strip_rows(bits)
    network = rows[rows.row == "network"].sort_values("place")
    assert list(network.digit) == [1, 0, 1, 1]
    assert list(rows.row[rows.wrong]) == ["network"] and list(rows.bit[rows.wrong]) == [1]
    long = charts.pd.concat([bits] * 20, ignore_index=True).assign(bit=range(80))
    assert list(charts.strip_rows(long).row.unique()) == [
        "from bit 64",
        "from bit 32",
        "from bit 0",
    ]


class Counts:
    """What a `Measurement` found: sums right of 100, by width."""

    bits, step = 5, 300

    def __init__(self, *right: int):
        self._right = dict(zip((5, 64, 1000), right))

    def right(self, bits):
        return self._right[bits], 100

    def solved(self, bits):
        return self._right[bits] == 100


@pytest.mark.parametrize(
    "right, order, sentence",
    [
        ((0, 0, 0), "lowest_first", "Not one 5-bit sum is wholly right yet."),
        ((96, 0, 0), "lowest_first", "It gets some 5-bit sums right, not all."),
        ((97, 0, 0), "lowest_first", "It gets nearly all 5-bit sums right: 97 of 100."),
        ((40, 0, 0), "highest_first", "Highest bit first, it cannot know the carry"),
        ((100, 96, 0), "lowest_first", "that does not carry over to longer ones."),
        ((100, 97, 0), "lowest_first", "and nearly all of 64 bits."),
        ((100, 100, 99), "lowest_first", "it slips on the way to 1,000."),
        ((100, 100, 100), "lowest_first", "Solved: trained on 5-bit sums"),
        ((100, 99, 100), "lowest_first", "and nearly all of 64 bits."),
    ],
)
def test_the_verdict_says_what_the_counts_mean(right, order, sentence):
    assert sentence in words.headline(Counts(*right), 300, order=order)


def test_the_order_is_blamed_only_once_it_had_its_time():
    early = words.headline(Counts(40, 0, 0), 299, order="highest_first")
    assert early == "It gets some 5-bit sums right, not all."


@pytest.mark.parametrize(
    "p, text",
    [(0.5, "50.0%"), (0.00057, "0.057%"), (1 / 40_123, "1 in 40,000"), (0.0, "0")],
)
def test_odds_for_reading(p, text):
    assert headline_words.chance(p) == text


def luminance(colour: str) -> float:
    """Relative luminance of '#rrggbb' (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_colours_keep_their_contrast_in_both_themes():
    root = Path(__file__).resolve().parent.parent
    theme = tomllib.loads((root / ".streamlit" / "config.toml").read_text())["theme"]
    marks = ("TRAIN", "VALIDATION", "PAST", "RIGHT", "WRONG", "MARKER", "BIT_1")
    for name in ("light", "dark"):
        background = theme[name]["backgroundColor"]
        assert contrast(theme[name]["textColor"], background) >= 7
        assert contrast(theme[name]["primaryColor"], "#ffffff") >= 4
        for mark in marks:
            assert contrast(getattr(palette, mark), background) >= 3, (mark, name)
    assert contrast(palette.ON_BIT_1, palette.BIT_1) >= 4.5
    assert contrast(palette.WRONG, palette.WRONG_CELL) >= 4
