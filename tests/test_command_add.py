"""The command add: what it prints and how it exits."""

import pytest

from rnn_core.__main__ import main
from rnn_core.cli_addition import whole_number


def test_a_right_sum_exits_zero(capsys):
    assert main(["add", "1024", "16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["step", "train", "loss", "validation", "loss"]
    assert len(lines) == 13 and lines[-2:] == ["1024 + 16 = 1040", "right"]
    losses = [[float(v) for v in line.replace(",", "").split()] for line in lines[1:-2]]
    assert [row[0] for row in losses] == list(range(20, 201, 20))
    assert losses[-1][1] < losses[0][1] / 10 and losses[-1][2] < losses[0][2] / 10


def test_a_wrong_sum_exits_one_and_says_so(capsys):
    assert main(["add", "1024", "16", "--steps", "3", "--seed", "5"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "wrong: it is 1040"


def test_the_tutorials_preset(capsys):
    assert main(["add", "5", "6", "--preset", "tutorial", "--steps", "0"]) in (0, 1)
    assert "5 + 6 = " in capsys.readouterr().out


@pytest.mark.parametrize("bad", ["-3", "1.5", "x", "", "9" * 5000])
def test_what_is_no_number_exits_two(bad, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["add", "--", bad, "3"])
    assert caught.value.code == 2
    assert "argument a" in capsys.readouterr().err


@pytest.mark.parametrize("bad", ["9" * 4300, str(2**10_000)])
def test_numbers_too_wide_are_refused_before_training(bad, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["add", "1", bad])
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert f"argument b: must have at most 10,000 bits, about 3,010 digits; got {len(bad):,}" in err


def test_the_widest_number_is_read_and_zeros_ahead_of_it_are_no_digits():
    assert whole_number("0" * 5000 + str(2**10_000 - 1)) == 2**10_000 - 1
    assert whole_number("000") == 0


@pytest.mark.parametrize(
    "option", [["--steps", "-1"], ["--seed", "-1"], ["--seed", "x"], ["--seed", str(2**31)]]
)
def test_settings_that_cannot_be_exit_two(option, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["add", "1", "2", *option])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert f"argument {option[0]}: must be a whole number from 0" in error
    assert f"got {option[1]!r}" in error
