import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import free_port

from rnn_core import checkpoint, text
from rnn_core.__main__ import main
from rnn_core.cards import read_card
from rnn_core.copied import CopyIndex
from rnn_core.language import bits_per_char, parameters
from rnn_core.language_training import LanguageRun
from ui import headline_models

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """train.csv (two kinds of rows), valid.csv and test.txt of short lines, one width of batch."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    words = ["rain", "wins", "over", "the", "mayor", "flood", "says"]

    def rows(count):
        return [" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(count)]

    train = [f"20030219,{row},{'ab'[k % 2]}" for k, row in enumerate(rows(80))]
    (folder / "train.csv").write_text(
        "\n".join(["publish_date,headline_text,kind", *train, ",café,a\n"])
    )
    (folder / "valid.csv").write_text("\n".join(["headline_text", *rows(20)]))
    (folder / "test.txt").write_text("\n".join(rows(30)))
    return folder


def train_options(folder, out):
    return [
        *("train", str(folder / "train.csv"), "--valid", str(folder / "valid.csv")),
        *("--test", str(folder / "test.txt"), "--out", str(out), "--unit", "gru", "--depth", "2"),
        *("--units", "12", "--embedding", "8", "--buckets", "97,89", "--skip", "--epochs", "2"),
        *("--batch-size", "8", "--group", "kind", "--share", "a=0.5", "--share", "b=1"),
        *("--last-share", "b=1", "--warm-up", "2", "--seed", "5"),
    ]


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "small"
    assert main(train_options(files, out)) == 0
    return out


def test_train_leaves_a_model_and_how_it_came_about(files, trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    model = checkpoint.load(trained)
    config = checkpoint.read_config(trained)
    assert config["dtype"] == "float16" and config["seen"] == "".join(
        sorted(set("rainwinsoverthemayorfloodsays "))
    )
    assert config["vocabulary"] == "".join(text.VOCABULARY)
    assert config["settings"]["buckets"] == [97, 89] and config["settings"]["shares"] == [
        ["a", 0.5],
        ["b", 1],
    ]

    test = (files / "test.txt").read_text().splitlines()
    assert metrics["bits_per_char"]["test"] == round(bits_per_char(model, test), 4)
    assert metrics["parameters"] == parameters(model)
    assert metrics["headlines"] == {"train": 80, "valid": 20, "test": 30}
    assert metrics["data"] == {"train": "train.csv", "valid": "valid.csv", "test": "test.txt"}
    assert [row["epoch"] for row in metrics["history"]] == [1, 2]
    assert metrics["history"][1]["valid"] < metrics["history"][0]["valid"] < np.log2(96)
    # 60 rows of each kind are offered in the first pass, the 40 of b in the last.
    assert 500 < metrics["characters_trained_on"] < 20 * 100
    assert 0 <= metrics["words_known"] <= 1
    assert str(files) not in (trained / "metrics.json").read_text()
    assert read_card(trained).held_out == metrics["bits_per_char"]["test"]


def test_the_command_in_metrics_makes_the_same_model(files, trained, tmp_path, monkeypatch):
    command = json.loads((trained / "metrics.json").read_text())["command"].split()
    assert command[:4] == ["python", "-m", "rnn_core", "train"]
    monkeypatch.chdir(files)
    assert main([*command[3:-1], str(tmp_path / "again")]) == 0
    again, first = ((f / "model.safetensors").read_bytes() for f in (tmp_path / "again", trained))
    assert again == first


def test_train_goes_on_where_it_ended_and_refuses_another_recipe(files, trained, capsys):
    before = (trained / "model.safetensors").read_bytes()
    assert main(train_options(files, trained)) == 0
    assert "going on from step" in capsys.readouterr().out
    assert (trained / "model.safetensors").read_bytes() == before
    assert main([*train_options(files, trained), "--dropout", "0.5"]) == 2
    assert "is of another run" in capsys.readouterr().err


def test_train_begins_with_another_model(files, trained, tmp_path, capsys):
    out = tmp_path / "more"
    options = ["train", str(files / "train.csv"), "--valid", str(files / "valid.csv")]
    options += ["--start", str(trained), "--epochs", "1", "--batch-size", "8", "--out", str(out)]
    assert main(options) == 0
    first, second = (json.loads((f / "metrics.json").read_text()) for f in (trained, out))
    assert second["command"].startswith(first["command"] + " && python -m rnn_core train ")
    assert "--unit gru --depth 2 --units 12" in second["command"].split("&&")[1]
    assert "--start small" in second["command"]
    assert second["characters_trained_on"] > first["characters_trained_on"] + 80
    assert [row["epoch"] for row in second["history"]] == [1, 2, 1]
    assert second["history"][2]["train"] < first["history"][0]["train"]  # not from nothing
    # As it was begun, not as the folder now is: the same command goes on, another start does not.
    capsys.readouterr()
    assert main(options) == 0 and "going on from step" in capsys.readouterr().out
    options[options.index("--start") + 1] = str(out)
    assert main(options) == 2 and "its start is" in capsys.readouterr().err


def test_a_model_to_begin_with_keeps_its_shape(files, trained, tmp_path, capsys):
    options = ["train", str(files / "train.csv"), "--start", str(trained)]
    assert main([*options, "--out", str(tmp_path / "x"), "--units", "13"]) == 2
    assert "units must be 12, as in" in capsys.readouterr().err
    bare = tmp_path / "bare"
    checkpoint.save(checkpoint.load(trained), bare)
    for other in (bare, ROOT / "pretrained" / "adder"):  # no settings, and those of another task
        options[-1] = str(other)
        assert main([*options, "--out", str(tmp_path / "x")]) == 2
        assert "does not say how a headline model was trained" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change, message",
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("[]", "expected an object, got list"),
        ({"minutes": None}, "field 'minutes' must be float or int, got NoneType"),
        ({"history": "long"}, "field 'history' must be list, got str"),
    ],
)
def test_a_start_without_a_record_is_refused_before_training(
    files, trained, tmp_path, capsys, change, message
):
    start, out = tmp_path / "start", tmp_path / "out"
    shutil.copytree(trained, start)
    record = start / "metrics.json"
    if change is None:
        record.unlink()
    else:
        known = json.loads(record.read_text())
        record.write_text(change if isinstance(change, str) else json.dumps(known | change))
    options = ["train", str(files / "train.csv"), "--start", str(start), "--out", str(out)]
    assert main([*options, "--epochs", "1", "--batch-size", "8"]) == 2
    error = capsys.readouterr().err
    assert f"{record} does not say how the model was trained" in error and message in error
    assert not out.exists()


def test_a_loss_that_is_no_number_asks_for_lower_rates_and_another_folder(files, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["train", str(files / "train.csv"), "--unit", "rnn", "--depth", "1", "--units", "4"]
    options += ["--batch-size", "8", "--out", str(out)]
    high = ["--learning-rate", "1e30", "--muon-rate", "1e30", "--clip", "1e30"]
    assert main([*options, *high]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: the loss at step 1 is nan: lower the rates")
    assert f"start again with another --out (or remove {out / 'resume'}" in error
    assert "same command" not in error


def test_a_run_that_is_stopped_goes_on_with_the_same_command(files, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(LanguageRun, "train", interrupted)
    assert main(train_options(files, tmp_path / "out")) == 2
    assert "error: stopped (step 0); the same command goes on" in capsys.readouterr().err


def test_what_is_left_out_is_told_of_every_file(files, tmp_path, capsys):
    for name in ("valid.csv", "test.csv", "probe.csv"):
        (tmp_path / name).write_text("headline_text\nrain again\nthe end\ncafé\n")
    options = ["train", str(files / "train.csv"), "--valid", str(tmp_path / "valid.csv")]
    options += ["--test", str(tmp_path / "test.csv"), "--out", str(tmp_path / "x")]
    options += ["--batch-size", "900"]
    assert main(options) == 2
    error = capsys.readouterr().err
    for name in ("train.csv", "valid.csv", "test.csv"):
        assert f"{name}: left out 0 empty rows, 1 with a character outside" in error
    probe = ["--probe", str(tmp_path / "probe.csv"), "--out", str(tmp_path / "index")]
    assert main(["index", str(files / "test.txt"), *probe]) == 0
    assert "probe.csv: left out 0 empty rows, 1 with" in capsys.readouterr().err


def test_groups_that_no_share_names_are_told(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(LanguageRun, "train", lambda *_, **__: 1 / 0)
    options = train_options(files, tmp_path / "out")
    with pytest.raises(ZeroDivisionError):
        main(options)
    error = capsys.readouterr().err
    assert "--last-share: left out rows of groups not named: 40 of 'a'\n" in error
    assert "--share: left out" not in error
    at = options.index("b=1") - 1
    with pytest.raises(ZeroDivisionError):
        main(options[:at] + options[at + 2 :])
    assert "--share: left out rows of groups not named: 40 of 'b'\n" in capsys.readouterr().err


def test_one_of_several_workers_begins_with_another_model(files, trained, tmp_path):
    task = {"type": "worker", "index": 0}
    cluster = {"worker": [f"127.0.0.1:{free_port()}"]}
    options = ["--start", str(trained), "--epochs", "1", "--batch-size", "8"]
    done = subprocess.run(
        [sys.executable, "-m", "rnn_core", "train", str(files / "train.csv"), *options]
        + ["--out", str(tmp_path / "out")],
        cwd=ROOT,
        env=os.environ | {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "bits per character: train" in done.stdout


def test_help_says_where_the_app_looks_for_models(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert headline_models.FOLDER in words and "training-index" in words
    assert all(headline_models.folder(name).name in words for name in headline_models.NAMES)


def test_rows_are_held_out_where_no_file_is_given(files):
    headlines, _ = text.read(files / "train.csv")
    rest, held = text.hold_out(headlines, seed=3)
    assert len(held) == 8 and len(rest) == 72
    assert sorted([*rest.texts(), *held.texts()]) == sorted(headlines.texts())
    assert list(text.hold_out(headlines, seed=4)[1].texts()) != list(held.texts())


def test_evaluate(files, trained, capsys):
    assert main(["evaluate", str(files / "test.txt"), "--model", str(trained)]) == 0
    out = capsys.readouterr().out
    metrics = json.loads((trained / "metrics.json").read_text())
    rows = (files / "test.txt").read_text().splitlines()
    characters = sum(len(row) + 1 for row in rows)
    assert f"bits per character: {metrics['bits_per_char']['test']:.4f}\n" in out
    assert f"characters: {characters:,} of 30 headlines" in out
    assert main(["evaluate", str(files / "train.csv"), "--model", str(trained), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["headlines"] == 80
    assert (
        "left out 0 empty rows, 1 with a character outside printable ASCII, such as 'café'"
        in captured.err
    )


def test_complete_and_sample(trained, capsys):
    options = ["--model", str(trained), "--max-chars", "30", "--seed", "2"]
    assert main(["complete", "Rain wins", "-n", "3", *options]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 3 and all(line.startswith("rain wins") for line in lines)
    assert "Capitals were lowered" in captured.err
    assert main(["complete", "rain wins", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c["headline"] for c in found] == lines[:1]
    assert found[0]["characters"][0]["surprisal"] == pytest.approx(
        -np.log2(found[0]["characters"][0]["probability"]), rel=1e-5
    )
    assert main(["sample", "-n", "12", *options, "--top-p", "0.5", "--temperature", "0.7"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 12
    assert main(["complete", "rain 9", *options]) == 0
    assert "No training headline had “9”" in capsys.readouterr().err


def test_index(files, tmp_path, capsys):
    out = tmp_path / "index"
    test = str(files / "test.txt")
    assert main(["index", str(files / "train.csv"), "--out", str(out), "--probe", test]) == 0
    assert "claimed falsely" in capsys.readouterr().out
    line = next(text.read(files / "train.csv")[0].texts())
    assert CopyIndex.load(out).longest(line).whole
    assert CopyIndex.load(out).about["headlines"] == 80


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["complete", "a", "--model", "nowhere"], "there is no such file"),
        (["evaluate", "nothing.csv"], "nothing.csv"),
        (
            ["complete", "a", "--model", "TRAINED", "--top-p", "1.4"],
            "top_p must be in (0, 1], got 1.4",
        ),
        (["complete", "Ω", "--model", "TRAINED"], "U+03A9"),
        (
            ["evaluate", "FILES/train.csv", "--column", "title"],
            "found ['publish_date', 'headline_text', 'kind']",
        ),
        (["train", "FILES/train.csv", "--out", "x", "--batch-size", "900"], "fill no batch of 900"),
        (
            ["train", "FILES/train.csv", "--out", "x", "--batch-size", "8", "--unit", "lstn"],
            "unit must be one of",
        ),
        (["train", "FILES/train.csv", "--out", "x", "--share", "c=1"], "shares name ['c']"),
        (
            ["train", "FILES/test.txt", "--out", "x", "--group", "kind"],
            "a group needs a .csv, .csv.gz or .zip",
        ),
    ],
)
def test_errors_are_one_line_and_status_2(
    files, trained, capsys, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    swaps = {"TRAINED": str(trained), "FILES": str(files)}
    for name, value in swaps.items():
        arguments = [a.replace(name, value) for a in arguments]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    rows = [line for line in error.splitlines() if "left out" not in line]
    assert len(rows) == 1 and rows[0].startswith("error: ") and message in rows[0]


@pytest.mark.parametrize("share", ["uniform", "=1", "a=-1", "a=x"])
def test_a_share_has_a_name_and_a_number(files, capsys, share):
    with pytest.raises(SystemExit) as stop:
        main(["train", str(files / "train.csv"), "--out", "x", "--share", share])
    assert stop.value.code == 2
    assert "expected NAME=SHARE like uniform=0.5" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["train", "nothing.csv", "--out", "x", "--threads", "-1"],
        ["train", "nothing.csv", "--out", "x", "--threads", "0"],
        ["train", "nothing.csv", "--out", "x", "--threads", "2000"],
        ["train", "nothing.csv", "--out", "x", "--seed", "-1"],
        ["complete", "a", "--seed", "-1"],
        ["sample", "--seed", "99999999999"],
    ],
)
def test_numbers_out_of_range_are_named_with_their_option(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2
    option, value = command[-2:]
    error = capsys.readouterr().err
    assert f"argument {option}: must be a whole number from " in error
    assert f"got {value!r}" in error


def test_a_bad_tf_config_is_one_line(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "[1]")
    assert main(train_options(files, tmp_path / "out")) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == "error: TF_CONFIG: the whole must be an object, got [1]"


def test_as_a_command_it_prints_nothing_but_the_answer(trained, files):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "rnn_core",
            "evaluate",
            str(files / "test.txt"),
            "--model",
            str(trained),
        ],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("bits per character: ")
