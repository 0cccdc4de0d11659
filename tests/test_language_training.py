import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import free_port
from language_worker import corpus, settings

from rnn_core import checkpoint, language_steps, language_training, optimizers
from rnn_core.cluster import rank
from rnn_core.language import CharLM
from rnn_core.language_steps import STREAMS, Dropout, gradients, update
from rnn_core.language_training import LanguageRun, LanguageSettings
from rnn_core.optimizers import Moments, muon, orthogonalise

WORKER = Path(__file__).with_name("language_worker.py")
DROPOUT = 0.2


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, and its bits per character by step."""
    folder = tmp_path_factory.mktemp("whole")
    run = LanguageRun(settings(DROPOUT), corpus(64, seed=0), corpus(16, seed=1), folder)
    curve = []
    run.train(report=lambda run, bits, count: curve.append(bits))
    return run, curve


def start(folder, pause=0.0, cluster=(), index=0):
    env = dict(os.environ)
    if cluster:
        workers = [f"127.0.0.1:{port}" for port in cluster]
        task = {"type": "worker", "index": index}
        env["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
    return subprocess.Popen(
        [sys.executable, str(WORKER), str(folder), str(pause), str(DROPOUT)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def read_until(process, wanted):
    """Lines up to the first that starts with ``wanted``."""
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if line.startswith(wanted):
            break
    return lines


def curve_of(lines):
    return {int(words[1]): float(words[2]) for words in lines if words[0] == "step"}


def test_killed_and_resumed_ends_in_the_same_bits(whole, tmp_path):
    run, curve = whole
    process = start(tmp_path, pause=0.05)
    read_until(process, "step 7 ")
    process.send_signal(signal.SIGKILL)
    process.wait()
    saved = checkpoint.read_config(tmp_path / "resume")["step"]
    assert 4 <= saved < run.steps == 16

    resumed = LanguageRun(settings(DROPOUT), corpus(64, seed=0), corpus(16, seed=1), tmp_path)
    assert resumed.step == saved
    again = []
    resumed.train(report=lambda run, bits, count: again.append(bits))
    assert again == curve[saved:]
    for one, other in zip(tf.nest.flatten(run.state), tf.nest.flatten(resumed.state), strict=True):
        assert np.array_equal(one, other)
    assert resumed.history == run.history


def test_workers_follow_the_joint_batch_and_a_lost_one_costs_little(whole, tmp_path):
    run, curve = whole
    ports = free_port(), free_port()
    both = [start(tmp_path, 0.05, ports, index) for index in (0, 1)]
    try:
        first = curve_of(read_until(both[0], "step 7 "))
        both[1].send_signal(signal.SIGKILL)
        # The other notices at its next exchange, and stops; nothing it says counts any more.
        first |= curve_of(read_until(both[0], "done"))
        assert both[0].wait(timeout=60) != 0
        saved = checkpoint.read_config(tmp_path / "resume")["step"]
        assert max(first) - 2 <= saved < run.steps

        ports = free_port(), free_port()
        both = [start(tmp_path, 0.0, ports, index) for index in (0, 1)]
        rest = read_until(both[0], "done")
        assert rest[0] == ["start", str(saved)] and rest[-1] == ["done"]
        assert curve_of(read_until(both[1], "done")) == curve_of(rest)
    finally:
        for process in both:
            process.kill()
            process.wait()
    joint = first | curve_of(rest)
    np.testing.assert_allclose([joint[k + 1] for k in range(16)], curve, atol=2e-5)
    state, config = checkpoint.read(tmp_path / "resume")
    assert config["step"] == 16 and [row["epoch"] for row in config["history"]] == [1, 2]
    for one, other in zip(tf.nest.flatten(run.state), tf.nest.flatten(state), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)


CHIEF = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
WORKERS = {"worker": ["b:1", "c:1"]}


@pytest.mark.parametrize(
    "cluster, job, index, place",
    [
        (CHIEF, "chief", 0, 0),
        (CHIEF, "worker", 0, 1),
        (CHIEF, "worker", 1, 2),
        (WORKERS, "worker", 0, 0),
        (WORKERS, "worker", "1", 1),
    ],
)
def test_the_chief_stands_before_the_workers(cluster, job, index, place):
    config = {"cluster": cluster, "task": {"type": job, "index": index}}
    assert rank(json.dumps(config)) == place


@pytest.mark.parametrize("config", ["", "{}", json.dumps({"cluster": CHIEF}), '{"task": {}}'])
def test_without_a_task_a_process_is_alone(config):
    assert rank(config) is None


@pytest.mark.parametrize(
    "config, message",
    [
        ("{", "not JSON"),
        ("[]", r"the whole must be an object, got \[\]"),
        ({"task": 3}, "field 'task' must be an object, got 3"),
        ({"cluster": [], "task": {}}, r"field 'cluster' must be an object, got \[\]"),
        (
            {"cluster": {"worker": "b:1"}, "task": {"type": "worker", "index": 0}},
            "field 'cluster.worker' must be a list of addresses like host:2222, got 'b:1'",
        ),
        (
            {"cluster": {"worker": ["b"]}, "task": {"type": "worker", "index": 0}},
            "field 'cluster.worker' must be a list of addresses",
        ),
        (
            {"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}},
            "field 'cluster.chief' must be one address",
        ),
        ({"cluster": CHIEF, "task": {"type": "ps", "index": 0}}, "'chief' or 'worker', got 'ps'"),
        ({"task": {"type": "worker", "index": 1}}, "field 'cluster.worker' must be given"),
        (
            {"cluster": CHIEF, "task": {"type": "worker", "index": 2}},
            "field 'task.index' must be from 0 to 1, got 2",
        ),
        ({"cluster": CHIEF, "task": {"type": "worker"}}, "'task.index' must be from 0 to 1, got N"),
    ],
)
def test_a_bad_tf_config_is_named(config, message):
    with pytest.raises(ValueError, match=f"^TF_CONFIG: .*{message}"):
        rank(config if isinstance(config, str) else json.dumps(config))


def test_it_learns_and_keeps_the_best(whole, tmp_path, monkeypatch):
    run, curve = whole
    assert np.mean(curve[-4:]) < np.mean(curve[:4]) - 0.2
    assert [row["step"] for row in run.history] == [8, 16]
    assert run.state.best is run.state.model

    seen = []
    figures = iter([2.0, 3.0])
    monkeypatch.setattr(
        language_training, "bits_per_char", lambda model, _: seen.append(model) or next(figures)
    )
    worse = LanguageRun(settings(DROPOUT), corpus(64, seed=0), corpus(16, seed=1), tmp_path)
    worse.train()
    assert worse.state.best is seen[0] and worse.state.model is seen[1]
    assert [row["valid"] for row in worse.history] == [2.0, 3.0]


def test_a_save_cut_off_between_its_moves_is_picked_up_whole(whole, tmp_path):
    run, _ = whole
    shutil.copytree(run.folder / "resume", tmp_path / "resume")
    new = tmp_path / "resume" / "config.json.new"
    (tmp_path / "resume" / "config.json").rename(new)
    old = json.loads(new.read_text()) | {"step": 3, "sha256": "of the weights before"}
    (tmp_path / "resume" / "config.json").write_text(json.dumps(old))
    picked = LanguageRun(settings(DROPOUT), corpus(64, seed=0), corpus(16, seed=1), tmp_path)
    assert picked.step == 16 and picked.history == run.history


def test_a_checkpoint_of_another_run_is_refused(whole):
    run, _ = whole
    with pytest.raises(ValueError, match="of another run: its settings"):
        LanguageRun(settings(0.1), corpus(64, seed=0), corpus(16, seed=1), run.folder)
    with pytest.raises(ValueError, match="of another run: its headlines is 64, this run's is 72"):
        LanguageRun(settings(DROPOUT), corpus(72, seed=0), corpus(16, seed=1), run.folder)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, monkeypatch):
    run = LanguageRun(settings(DROPOUT), corpus(64, seed=0), corpus(16, seed=1), tmp_path)
    run.state = run.state._replace(model=run.state.model._replace(b=run.state.model.b + np.nan))
    with pytest.raises(FloatingPointError, match="loss at step 0 is nan: lower the rates"):
        run.train()


def test_a_pass_that_ends_in_no_numbers_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(language_training, "bits_per_char", lambda model, valid: np.nan)
    run = LanguageRun(settings(DROPOUT), corpus(64, seed=0), corpus(16, seed=1), tmp_path)
    with pytest.raises(FloatingPointError, match="validation loss after step 8 is nan: lower"):
        run.train()
    assert run.history == [] and not (tmp_path / "resume").exists()


def test_rates_rise_and_fall():
    s = LanguageSettings(warm_up=4)
    assert [s.rate(t, 100) for t in range(4)] == pytest.approx([0.25, 0.495, 0.735, 0.97])
    assert s.rate(50, 100) == 0.5 and s.rate(99, 100) == pytest.approx(0.01)
    assert LanguageSettings(warm_up=0).rate(0, 10) == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"clip": 0}, "clip must be above 0, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0, got nan"),
        ({"muon_rate": -0.1}, "muon_rate must be at least 0, got -0.1"),
        ({"buckets": (5, 0)}, r"each of buckets at least 1, got 50 and \(5, 0\)"),
    ],
)
def test_settings_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        LanguageSettings(**options)


def test_settings_survive_json():
    s = LanguageSettings(buckets=(97, 89), shares=(("a", 0.5), ("b", 1.0)), dropout=0.1)
    assert LanguageSettings.of(json.loads(json.dumps(dataclasses.asdict(s)))) == s


def test_shares_and_batches_that_do_not_fit():
    with pytest.raises(ValueError, match=r"shares name \['news'\], the data has \('all',\)"):
        LanguageSettings(shares=(("news", 1.0),)).plan(corpus(9, seed=0), 0)
    with pytest.raises(ValueError, match="9 headlines fill no batch of 128"):
        LanguageSettings().plan(corpus(9, seed=0), 0)
    last = LanguageSettings(batch_size=4, epochs=2, last_shares=(("all", 0.5),))
    assert len(last.plan(corpus(64, seed=0), 0)) == 2 * len(last.plan(corpus(64, seed=0), 1)) == 16


@pytest.fixture
def model():
    return CharLM.init("lstm", 2, 6, embedding=4, skip=True, seed=1)


@pytest.fixture
def drops(model, monkeypatch):
    """What `gradients` gives to `nats` to drop with, filled in by a call of it."""
    kept = {}

    def nats(model, ids, lengths, **drops):
        kept.update(drops)
        return tf.add_n([tf.reduce_sum(t) for t in tf.nest.flatten(model)]), None

    monkeypatch.setattr(language_steps, "nats", nats)
    return kept


def test_dropout_masks(model, drops):
    def masks(kind, place, *, rows=64, seed=0, step=0, index=0, workers=1):
        ids, step = tf.zeros([rows, 5], tf.int32), tf.constant([seed, step * STREAMS])
        share = Dropout(layers=0.3, ngrams=0.3)
        gradients(model, ids, None, 1.0, step, share, index=index, workers=workers)
        return drops[kind](place, tf.ones([rows, 5, 40])).numpy()

    assert (masks("dropout", 0) == 1).all()
    for kind, place in (("dropout", 1), ("dropout", -1), ("ngram_dropout", 2)):
        mask = masks(kind, place)
        assert set(np.unique(mask)) == {0, np.float32(1 / 0.7)}
        if kind == "dropout":
            assert (mask == mask[:, :1]).all()  # one mask for all steps,
            assert len(np.unique(mask[:, 0], axis=0)) == 64  # another for every row
        else:
            assert (mask == mask[:, :, :1]).all()  # an n-gram's vector as a whole,
            assert (mask != mask[:, :1]).any() and (mask != mask[:1]).any()  # each for itself
        assert 0.22 < (mask == 0).mean() < 0.38
        assert (mask != masks(kind, place, step=1)).any() and (mask == masks(kind, place)).all()
        halves = [masks(kind, place, rows=32, index=k, workers=2) for k in (0, 1)]
        assert (halves[0] == mask[0::2]).all() and (halves[1] == mask[1::2]).all()
    assert (masks("dropout", 1) != masks("dropout", -1)).any()
    assert (masks("ngram_dropout", 2) != masks("ngram_dropout", 3)).any()
    for kind, places in (("dropout", (-1, 1, 2)), ("ngram_dropout", (2, 3))):
        for place, next_place in zip(places, places[1:]):  # nor does a seed give another's masks
            assert (masks(kind, next_place) != masks(kind, place, seed=1)).any()


def test_no_dropout_is_no_mask(model, drops):
    gradients(model, tf.zeros([2, 5], tf.int32), None, 1.0, tf.constant([0, 0]))
    assert drops == {"dropout": None, "ngram_dropout": None}


def test_workers_gradients_add_up(model):
    rng = np.random.default_rng(0)
    ids = tf.constant(rng.integers(1, 96, (6, 7)), tf.int32)
    lengths = tf.constant([7, 3, 5, 6, 1, 4])
    seed = tf.constant([0, 0])
    share = Dropout(layers=0.3, ngrams=0.2)
    joint, loss = gradients(model, ids, lengths, 26.0, seed, share)
    parts = [
        gradients(model, ids[k::2], lengths[k::2], 26.0, seed, share, index=k, workers=2)
        for k in (0, 1)
    ]
    assert float(parts[0][1] + parts[1][1]) == pytest.approx(float(loss), rel=1e-5)
    flat = zip(*(tf.nest.flatten(tree) for tree in (joint, parts[0][0], parts[1][0])), strict=True)
    for whole, one, other in flat:
        np.testing.assert_allclose(one + other, whole, atol=1e-6)


def test_gradients_are_clipped_before_anything_else(model):
    rng = np.random.default_rng(0)
    grads = tf.nest.map_structure(
        lambda t: tf.constant(rng.normal(size=t.shape), tf.float32), model
    )
    norm = float(optimizers.global_norm(grads))
    assert norm > 2
    _, moments = update(model, Moments.zeros(model), grads, 0.1, None, 2.0)
    for m, g in zip(tf.nest.flatten(moments.m), tf.nest.flatten(grads), strict=True):
        np.testing.assert_allclose(m, 0.1 * g * 2.0 / norm, rtol=1e-4, atol=1e-9)
    small = tf.nest.map_structure(lambda g: g / norm, grads)
    _, moments = update(model, Moments.zeros(model), small, 0.1, None, 2.0)
    np.testing.assert_allclose(moments.m.b, 0.1 * small.b, rtol=1e-5)


def test_muon_takes_the_layers_matrices_and_adam_the_rest(model):
    grads = tf.nest.map_structure(tf.ones_like, model)
    zeros = Moments.zeros(model)
    new, moments = update(model, zeros, grads, 0.1, 0.02, 1e9)
    adam, _ = update(model, zeros, grads, 0.1, None, 1e9)
    for name in ("embedding", "W", "b"):
        np.testing.assert_array_equal(getattr(new, name), getattr(adam, name))
    for old, cell, plain, m in zip(
        model.cell.cells, new.cell.cells, adam.cell.cells, moments.m.cell.cells, strict=True
    ):
        np.testing.assert_array_equal(cell.b, plain.b)
        for name in ("W", "U"):
            W, one = getattr(old, name), tf.ones_like(getattr(old, name))
            expected, momentum = muon(W, tf.zeros_like(W), one, 0.02, block=old.units)
            np.testing.assert_allclose(getattr(cell, name), expected, atol=1e-6)
            np.testing.assert_allclose(getattr(m, name), momentum)


@pytest.mark.parametrize("shape", [(12, 12), (20, 8), (8, 20), (3, 10, 6)])
def test_orthogonalise_evens_out_the_singular_values(shape):
    rng = np.random.default_rng(0)
    blocks = rng.normal(size=shape)
    U, s, V = np.linalg.svd(blocks, full_matrices=False)
    s = np.broadcast_to(np.geomspace(1, 0.05, s.shape[-1]), s.shape)
    result = orthogonalise(tf.constant(7 * (U * s[..., None, :]) @ V, tf.float32)).numpy()
    values = np.linalg.svd(result, compute_uv=False)
    assert values.min() > 0.5 and values.max() < 1.3
    # and leaves the directions: U^T result V is diagonal
    inside = np.swapaxes(U, -1, -2) @ result @ np.swapaxes(V, -1, -2)
    diagonal = np.einsum("...ii->...i", inside)
    assert np.abs(inside - diagonal[..., None] * np.eye(s.shape[-1])).max() < 1e-3


def test_muon_treats_each_gate_for_itself():
    rng = np.random.default_rng(1)
    W, M, G = (tf.constant(rng.normal(size=(9, 12)), tf.float32) for _ in range(3))
    new, momentum = muon(W, M, G, 0.1, block=4)
    np.testing.assert_allclose(momentum, 0.95 * M + G, rtol=1e-5)
    for k in range(3):
        gate = slice(4 * k, 4 * k + 4)
        alone, _ = muon(W[:, gate], M[:, gate], G[:, gate], 0.1, block=4)
        np.testing.assert_allclose(new[:, gate], alone, atol=1e-6)
    step = (W - new).numpy()[:, :4] / 0.1 / np.sqrt(9 / 4)
    values = np.linalg.svd(step, compute_uv=False)
    assert values.min() > 0.5 and values.max() < 1.3
    # Another gate's gradient a thousand times as large changes nothing here.
    loud = tf.concat([G[:, :4], 1000 * G[:, 4:]], axis=1)
    np.testing.assert_allclose(muon(W, M, loud, 0.1, block=4)[0][:, :4], new[:, :4], atol=1e-6)
