import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnn_core.copied import CopyIndex, Shared

ROOT = Path(__file__).resolve().parent.parent
WORDS = [f"{a}{b}" for a in "bcdfghklmnprst" for b in ("ab", "en", "ill", "ock")]


def corpus(rows, seed):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(rows)]


@pytest.fixture(scope="module")
def rows():
    return corpus(4000, seed=0)


@pytest.fixture(scope="module")
def index(rows):
    return CopyIndex.build(rows, bits_per_item=8)


def runs_of(rows):
    return {
        tuple(words[i:j])
        for words in map(str.split, rows)
        for i in range(len(words))
        for j in range(i + 2, len(words) + 1)
    }


def test_nothing_that_is_there_is_missed(rows, index):
    for row in rows[:300]:
        words = row.split()
        assert index.longest(row) == Shared(len(words), 0, len(row), True)
        if len(words) > 3:
            part = " ".join(words[1:-1])
            found = index.longest(f"zzz {part} zzz")
            assert found[:3] == (len(words) - 2, 4, 4 + len(part)) and not found.whole


def test_a_stretch_is_found_where_it_stands(index, rows):
    row = next(r for r in rows if len(r.split()) == 6)
    headline = f"quite  new {row}  and more"
    found = index.longest(headline)
    assert headline[found.start : found.end] == row and found.words == 6
    assert not found.whole


def test_whole_needs_start_and_end(rows):
    index = CopyIndex.build(["big rain in town", "one"], bits_per_item=64)
    assert index.longest("big rain in town") == Shared(4, 0, 16, True)
    assert index.longest("rain in town") == Shared(3, 0, 12, False)
    assert index.longest("big rain in") == Shared(3, 0, 11, False)
    assert index.longest("one") == Shared(1, 0, 3, True)
    assert index.longest("rain") == Shared(0, 0, 0, False)
    assert index.longest("town in rain big") == Shared(0, 0, 0, False)
    assert index.longest("") == index.longest("  ") == Shared(0, 0, 0, False)


def test_the_longest_is_exact_but_for_the_stated_rate(rows, index):
    there = runs_of(rows)
    wrong, asked = 0, 0
    for headline in (h for h in corpus(400, seed=9) if " " in h):
        runs = runs_of([headline])
        true = max((len(r) for r in runs & there), default=0)
        found = index.longest(headline).words
        assert found >= true
        wrong, asked = wrong + (found > true), asked + len(runs - there)
    assert 0 < wrong <= 2 * index.false_stretch_rate * asked


def test_the_rates_are_measured(rows, index):
    # Bloom's formula: (1 - exp(-k / bits_per_item)) ** k
    k = index.hashes
    expected = (1 - np.exp(-k / 8)) ** k
    assert index.about["probes"] > 5000
    assert index.false_positive_rate == pytest.approx(expected, rel=0.3)
    assert index.false_stretch_rate < 0.6 * index.false_positive_rate
    sparse = CopyIndex.build(rows, bits_per_item=20, probes=corpus(500, seed=3))
    assert sparse.false_positive_rate < index.false_positive_rate / 20


def test_saved_and_loaded_without_a_readable_word(rows, index, tmp_path):
    index.save(tmp_path)
    loaded = CopyIndex.load(tmp_path)
    assert loaded.about == index.about
    assert [loaded.longest(r) for r in rows[:20]] == [index.longest(r) for r in rows[:20]]
    raw = (tmp_path / "model.safetensors").read_bytes() + (tmp_path / "config.json").read_bytes()
    assert not any(f"{a} {b}".encode() in raw for a, b in (r.split()[:2] for r in rows if " " in r))


def test_another_process_hashes_alike(index, rows, tmp_path):
    index.save(tmp_path)
    row = next(r for r in rows if " " in r)
    code = (
        "from rnn_core.copied import CopyIndex;"
        f" print(CopyIndex.load({str(tmp_path)!r}).longest({row!r}).whole)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "123"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("format", 2, "'format' must be 1"),
        ("hashes", 0, "'hashes' must be from 1 to 64, got 0"),
        ("hash", "md5", "'hash' must be"),
        ("about", [], "'about' must be an object"),
        ("about", {"false_positive_rate": 2}, "'about.false_positive_rate'"),
        ("sha256", "0", "sha256"),
    ],
)
def test_a_damaged_index_is_named(index, tmp_path, field, value, message):
    index.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, field: value}))
    with pytest.raises(ValueError, match=message):
        CopyIndex.load(tmp_path)


def test_a_cut_off_index_is_named(index, tmp_path):
    index.save(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="model.safetensors: its sha256"):
        CopyIndex.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json: not JSON"):
        CopyIndex.load(tmp_path)
    path.unlink()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="model.safetensors"):
        CopyIndex.load(tmp_path)


def test_as_many_bits_as_can_be_loaded_again(tmp_path):
    CopyIndex.build(["a b"], bits_per_item=92).save(tmp_path)
    assert CopyIndex.load(tmp_path).hashes == 64
    for bits in (93, 100, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"above 0 and at most 92, got {bits}"):
            CopyIndex.build(["a b"], bits_per_item=bits)


def test_nothing_to_index():
    with pytest.raises(ValueError, match="no word to index in 2 headlines"):
        CopyIndex.build(["", "  "])
    with pytest.raises(ValueError, match="bits_per_item must be above 0 and at most 92, got 0"):
        CopyIndex.build(["a b"], bits_per_item=0)
