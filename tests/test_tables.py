import numpy as np
import pytest
import tensorflow as tf

from rnn_core import checkpoint
from rnn_core.language import CharLM, bits_per_char
from rnn_core.tables import ByteTable, bucket, look_up


@pytest.fixture
def table():
    values = np.random.default_rng(0).normal(size=(40, 6)) * np.geomspace(1e-3, 10, 40)[:, None]
    values[7] = 0
    return tf.constant(values, tf.float32)


def test_buckets_tell_n_grams_apart():
    rng = np.random.default_rng(0)
    ngrams = np.unique(rng.integers(0, 96, (3000, 3)), axis=0)
    found = bucket(tf.constant(ngrams), 97**3).numpy()
    assert len(set(found.tolist())) == len(ngrams)
    assert set(bucket(tf.constant(ngrams), 11).numpy().tolist()) == set(range(11))


def test_bytes_hold_a_row_to_half_a_step(table):
    kept = ByteTable.of(table)
    assert kept.codes.dtype == tf.int8 and kept.shape == table.shape
    rows = np.array([[0, 39, 7], [12, 12, 3]])
    found = look_up(kept, tf.constant(rows)).numpy()
    exact = look_up(table, tf.constant(rows)).numpy()
    largest = np.abs(exact).max(axis=-1, keepdims=True)
    # Half a step, and what rounding the scale to float16 (11 bits) takes from the largest entry.
    assert (np.abs(found - exact) <= largest * (0.5 / 127 + 2**-10) + 1e-7).all()
    assert (found[0, 2] == 0).all() and (found != 0).sum() > 25
    assert np.abs(kept.codes).max() == 127


def test_a_model_in_bytes_is_saved_as_it_computes(tmp_path):
    model = CharLM.init("gru", 1, 5, embedding=6, buckets=(97, 40), seed=0)
    rng = np.random.default_rng(1)
    model = tf.nest.map_structure(lambda t: t + rng.normal(0, 0.3, t.shape).astype("f4"), model)
    kept = model.in_bytes()
    lines = ["rain again", "no"]
    assert bits_per_char(kept, lines) == pytest.approx(bits_per_char(model, lines), abs=0.02)
    checkpoint.save(kept, tmp_path)
    again = checkpoint.load(tmp_path)
    assert isinstance(again.ngrams[1], ByteTable)
    for one, other in zip(tf.nest.flatten(kept), tf.nest.flatten(again), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    checkpoint.save(kept, tmp_path, dtype="float16")
    half = checkpoint.load(tmp_path).ngrams
    for one, other in zip(tf.nest.flatten(kept.ngrams), tf.nest.flatten(half), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_file_whose_codes_are_no_bytes_is_refused(tmp_path, table):
    kept = ByteTable.of(table)
    checkpoint.save(kept, tmp_path)
    text = (tmp_path / "config.json").read_text()
    assert '"dtype": "int8"' in text
    checkpoint.save(kept._replace(codes=tf.cast(kept.codes, tf.int16)), tmp_path)
    other = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(other.replace('"int16"', '"int8"'))
    with pytest.raises(checkpoint.CheckpointError, match="tensor 'codes' is int16, not int8"):
        checkpoint.load(tmp_path)


def test_scales_that_do_not_fit_are_named(table):
    kept = ByteTable.of(table)
    with pytest.raises(ValueError, match=r"scale must have one entry .* \[40, 6\], got \[39\]"):
        kept._replace(scale=kept.scale[1:]).check()
