"""Checkpoints: round trips, damage named by file and field, saves that are cut off."""

import hashlib
import json
import os
import pickle
import shutil
from typing import NamedTuple

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
from reference import random_like

from rnn_core import cells, stacks
from rnn_core.addition import Adder, Readout
from rnn_core.checkpoint import CONFIG, WEIGHTS, CheckpointError, load, read, read_config, save


def adder(seed=0, **kwargs):
    return random_like(Adder.init("gru", 3, seed=0, **kwargs), seed)


def assert_equal(a, b):
    tf.nest.assert_same_structure(a, b)
    for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b)):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    "model",
    [
        adder(),
        adder(order="both"),
        adder(order="highest_first"),
        stacks.Stack.init([cells.LSTM, cells.GRUNoReset, cells.SimpleRNN], 3, 4, seed=0),
        stacks.SkipStack.init([cells.LSTM, cells.LSTM], 3, 4, seed=0),
    ],
    ids=["adder", "both", "highest_first", "stack", "skips"],
)
def test_a_model_comes_back_as_it_went(model, tmp_path):
    save(model, tmp_path / "a", note="öß")
    back = load(tmp_path / "a")
    assert_equal(model, back)
    assert read_config(tmp_path / "a")["note"] == "öß"
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 3)), tf.float32)
    if isinstance(model, Adder):
        np.testing.assert_array_equal(model(x[..., :2])[0], back(x[..., :2])[0])


def test_half_precision_halves_the_file(tmp_path):
    model = random_like(cells.LSTM.init(20, 30, seed=0))
    save(model, tmp_path / "full")
    save(model, tmp_path / "half", dtype="float16")
    full, half = ((tmp_path / f / WEIGHTS).stat().st_size for f in ("full", "half"))
    assert half < 0.55 * full
    np.testing.assert_allclose(load(tmp_path / "half").U, model.U, rtol=1e-3)


@pytest.fixture
def folder(tmp_path):
    save(adder(), tmp_path)
    return tmp_path


def rewrite(folder, **tensors):
    """Change tensors, and the digest with them, as one who means it would."""
    all_ = safetensors.numpy.load_file(folder / WEIGHTS)
    all_ = {k: v for k, v in {**all_, **tensors}.items() if v is not None}
    model = load(folder)
    save(model, folder)
    config = json.loads((folder / CONFIG).read_text())
    raw = safetensors.numpy.save(all_)
    (folder / WEIGHTS).write_bytes(raw)
    config["sha256"] = hashlib.sha256(raw).hexdigest()
    (folder / CONFIG).write_text(json.dumps(config))


def change(folder, edit):
    config = json.loads((folder / CONFIG).read_text())
    edit(config)
    (folder / CONFIG).write_text(json.dumps(config))


def says(folder, *words):
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    says(folder, name, "no such file")


@pytest.mark.parametrize("keep", [0, 5, 100])
def test_truncated_weights_are_named(folder, keep):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:keep])
    says(folder, WEIGHTS, "damaged")


def test_one_changed_byte_is_noticed(folder):
    raw = bytearray((folder / WEIGHTS).read_bytes())
    raw[-3] ^= 1
    (folder / WEIGHTS).write_bytes(raw)
    says(folder, WEIGHTS, "sha256")


def test_truncated_config_is_named(folder):
    (folder / CONFIG).write_bytes((folder / CONFIG).read_bytes()[:40])
    says(folder, CONFIG, "not JSON")


def test_not_safetensors(folder):
    raw = pickle.dumps({"W": 1})
    (folder / WEIGHTS).write_bytes(raw)
    change(folder, lambda c: c.update(sha256=hashlib.sha256(raw).hexdigest()))
    says(folder, WEIGHTS, "not a safetensors file")


def test_loading_executes_nothing(folder, tmp_path):
    class Boom:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    raw = pickle.dumps(Boom())
    (folder / WEIGHTS).write_bytes(raw)
    change(folder, lambda c: c.update(sha256=hashlib.sha256(raw).hexdigest()))
    says(folder, WEIGHTS)
    save(adder(), folder)
    change(folder, lambda c: c["model"].update(type="os.system"))
    says(folder, CONFIG, "'os.system'")
    assert not (tmp_path / "executed").exists()


def test_a_tensor_of_another_shape_is_named(folder):
    rewrite(folder, **{"cell.U": np.zeros((3, 8), np.float32)})
    says(folder, WEIGHTS, "'cell.U'", "[3, 8]", "[3, 9]")


def test_shapes_that_do_not_fit_each_other_are_named(folder):
    rewrite(folder, **{"cell.U": np.zeros((3, 8), np.float32)})
    change(folder, lambda c: c["model"]["cell"]["U"].update(shape=[3, 8]))
    says(folder, CONFIG, "'model.cell'", "U must have shape [H, 3*H], got [3, 8]")


def test_a_readout_that_does_not_fit_the_cell_is_named(folder):
    rewrite(folder, **{"readout.W": np.zeros((4, 1), np.float32)})
    change(folder, lambda c: c["model"]["readout"]["W"].update(shape=[4, 1]))
    says(folder, CONFIG, "readout.W must have 3 rows")


@pytest.mark.parametrize(
    "part",
    [Readout(tf.zeros([3, 1]), tf.zeros([1])), tf.zeros([3]), (), stacks.Stack(())],
    ids=["readout", "tensor", "nothing", "no layers"],
)
def test_a_part_that_is_no_cell_is_named(tmp_path, part):
    save(Adder(part, adder().readout), tmp_path)
    says(tmp_path, CONFIG, "'model'", "parts don't fit each other")


def test_weights_without_rows_are_named(tmp_path):
    save(Readout(tf.zeros([]), tf.zeros([1])), tmp_path)
    says(tmp_path, CONFIG, "'model'", "W must have shape [H, 1], got []")


@pytest.mark.parametrize("raw", ["[" * 100_000, '{"format": ' + "1" * 5000 + "}"])
def test_json_that_python_does_not_read_is_named(folder, raw):
    (folder / CONFIG).write_text(raw)
    says(folder, CONFIG, "not JSON")


def test_a_missing_and_a_superfluous_tensor_are_named(folder):
    rewrite(folder, extra=np.zeros(1, np.float32))
    says(folder, WEIGHTS, "'extra'")
    save(adder(), folder)
    rewrite(folder, **{"cell.b": None})
    says(folder, WEIGHTS, "'cell.b' is missing")


@pytest.mark.parametrize("bad, words", [(np.nan, "not finite"), (3, "not a float")])
def test_values_that_are_no_weights_are_named(folder, bad, words):
    rewrite(folder, **{"cell.b": np.full(9, bad, np.float32 if words == "not finite" else int)})
    says(folder, WEIGHTS, "'cell.b'", words)


@pytest.mark.parametrize(
    "edit, words",
    [
        (lambda c: c.update(format=2), "'format' must be 1, got 2"),
        (lambda c: c.pop("model"), "'model' is missing"),
        (lambda c: c["model"].update(type="Path"), "'model' has type 'Path'"),
        (lambda c: c["model"].update(type=["GRU"]), "'model' has type ['GRU']"),
        (lambda c: c["model"]["cell"].pop("b"), "'model.cell' must have the fields"),
        (lambda c: c["model"].update(cell=7), "'model.cell' must be an object"),
        (lambda c: c["model"]["cell"].update(W={"shape": "?"}), "'cell.W' has shape"),
    ],
)
def test_a_changed_config_is_named(folder, edit, words):
    change(folder, edit)
    says(folder, words)


def test_a_folder_that_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    says(tmp_path / "file", "can't be read")


def test_only_known_types_are_saved(tmp_path):
    class Mine(NamedTuple):
        W: tf.Tensor

    with pytest.raises(TypeError, match="Mine is not a type that checkpoints know"):
        save(Mine(tf.zeros([1])), tmp_path)


class Killed(Exception):
    pass


def cut_save(model, folder, stop_at, monkeypatch, **about) -> bool:
    """Save, but stop before the file operation ``stop_at``; whether the save came to its end.

    A write that is stopped has reached the disk in half.
    """
    calls = iter(range(100))

    def cut(real, torn):
        def operation(*args):
            if next(calls) == stop_at:
                if torn:
                    os.ftruncate(args[0], os.fstat(args[0]).st_size // 2)
                raise Killed
            return real(*args)

        return operation

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut(os.replace, torn=False))
        patch.setattr(os, "fsync", cut(os.fsync, torn=True))
        try:
            save(model, folder, **about)
        except Killed:
            return False
    return True


def test_a_save_that_is_cut_off_leaves_the_old_or_the_new_whole(tmp_path, monkeypatch):
    """Stop the save before each of its file operations in turn."""
    old, new = adder(1), adder(2)
    seen = []
    for stop_at in range(20):
        folder = tmp_path / str(stop_at)
        save(old, folder)
        done = cut_save(new, folder, stop_at, monkeypatch)
        back = load(folder)
        is_new = np.array_equal(back.cell.W, new.cell.W)
        assert_equal(back, new if is_new else old)
        seen.append(is_new)
        save(old, folder)  # what was left behind is no obstacle
        assert_equal(load(folder), old)
        if done:
            break
    assert done and stop_at == 4
    assert seen == sorted(seen) and seen[0] is False and seen[-1] is True


def test_a_save_that_is_cut_off_after_another_leaves_one_of_the_three_whole(tmp_path, monkeypatch):
    """Stop two saves in a row, each before each of its file operations."""
    models = [adder(seed) for seed in range(4)]
    for first in range(4):
        done = False
        for second in range(20):
            folder = tmp_path / f"{first} {second}"
            save(models[0], folder, number=0)
            assert not cut_save(models[1], folder, first, monkeypatch, number=1)
            done = cut_save(models[2], folder, second, monkeypatch, number=2)
            back, config = read(folder)
            assert_equal(back, models[config["number"]])
            save(models[3], folder, number=3)
            assert_equal(load(folder), models[3])
            if done:
                break
        # Where the first was stopped between its moves, the second has one operation more.
        assert done and second == (5 if first == 3 else 4)


def test_a_first_save_that_is_cut_off_between_its_moves_is_there(tmp_path, monkeypatch):
    assert not cut_save(adder(1), tmp_path, 3, monkeypatch)
    assert_equal(load(tmp_path), adder(1))


def test_a_half_moved_save_beside_older_leftovers(tmp_path):
    """The second half of a move is only taken when it belongs to the weights that lie there."""
    old, new = adder(1), adder(2)
    save(new, tmp_path / "new")
    save(old, tmp_path / "old")
    shutil.copy(tmp_path / "new" / CONFIG, tmp_path / "old" / (CONFIG + ".new"))
    assert_equal(load(tmp_path / "old"), old)
    shutil.copy(tmp_path / "new" / WEIGHTS, tmp_path / "old" / WEIGHTS)
    assert_equal(load(tmp_path / "old"), new)
