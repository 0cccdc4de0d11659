import functools

import numpy as np
import pytest
import tensorflow as tf

from rnn_core import sampling, text
from rnn_core.language import CharLM
from rnn_core.sampling import choose, complete, sample
from rnn_core.text import END, V


@pytest.fixture(scope="module")
def model():
    """Untrained but opinionated: its odds depend on the whole prefix and are far from even."""
    model = CharLM.init("gru", 2, 12, embedding=6, buckets=(97,), skip=True, seed=2)
    return model._replace(W=model.W * 6, embedding=model.embedding * 2)


@functools.cache
def chooser():
    return tf.function(choose, jit_compile=True)


def chosen(logits, draw, top_p, temperature):
    arguments = (np.float32(logits), np.float32(draw), np.float32(top_p), np.float32(temperature))
    return [t.numpy() for t in chooser()(*map(tf.constant, arguments))]


def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def exact_nucleus(logits, top_p, temperature):
    """In float64 and by sorting: the odds after temperature, cut and renormalised, of one row."""
    p = softmax(np.float64(logits) / temperature)
    order = np.argsort(-p, kind="stable")
    size = int(np.searchsorted(np.cumsum(p[order]), top_p)) + 1
    kept = np.zeros_like(p)
    kept[order[:size]] = p[order[:size]]
    return kept / kept.sum()


def critical(df, z=4.75):
    """The chi-square value exceeded with p = 1e-6 (Wilson & Hilferty 1931)."""
    return df * (1 - 2 / (9 * df) + z * (2 / (9 * df)) ** 0.5) ** 3


def test_a_hundred_thousand_draws_follow_the_exact_nucleus():
    assert critical(10, z=3.090) == pytest.approx(29.588, rel=0.01)  # p = 0.001, from a table
    logits = np.float32(np.random.default_rng(1).normal(0, 2, V))
    expected = exact_nucleus(logits, 0.9, 0.8)
    counts = np.zeros(V)
    draws = np.random.default_rng(2).random(100_000, np.float32)
    for part in draws.reshape(25, 4000):
        ids, *_ = chosen(np.tile(logits, (4000, 1)), part, 0.9, 0.8)
        counts += np.bincount(ids, minlength=V)

    def statistic(p):
        inside = p > 0
        return ((counts - 1e5 * p)[inside] ** 2 / (1e5 * p[inside])).sum(), inside.sum() - 1

    assert counts[expected == 0].sum() == 0
    assert (1e5 * expected[expected > 0] > 5).all()
    value, df = statistic(expected)
    assert df > 10 and value < critical(df)
    for wrong in (exact_nucleus(logits, 0.9, 0.85), exact_nucleus(logits, 0.87, 0.8)):
        assert statistic(wrong)[0] > critical(df) or counts[wrong == 0].sum() > 0


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    return np.float32(rng.normal(0, rng.uniform(0.1, 6, (4000, 1)), (4000, V))), rng.random(4000)


@pytest.mark.parametrize("top_p, temperature", [(0.9, 1.0), (0.3, 0.7), (0.999, 2.5)])
def test_the_nucleus_is_the_smallest_set(rows, top_p, temperature):
    logits, draw = rows
    ids, raw, tempered, kept = chosen(logits, draw, top_p, temperature)
    np.testing.assert_allclose(raw, softmax(logits), atol=1e-6)
    np.testing.assert_allclose(tempered, softmax(logits / temperature), atol=1e-5)
    inside = kept > 0
    mass = (tempered * inside).sum(axis=-1)
    least = np.where(inside, tempered, np.inf).min(axis=-1)
    assert (mass > top_p - 1e-5).all()  # enough,
    assert (mass - least < top_p + 1e-5).all()  # none too many,
    assert (least >= np.where(inside, 0, tempered).max(axis=-1)).all()  # and the likeliest
    np.testing.assert_allclose(kept.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(kept, tempered * inside / mass[:, None], atol=1e-5)
    assert inside[np.arange(len(ids)), ids].all()


def test_top_p_1_at_temperature_1_is_the_models_odds(rows):
    logits, draw = rows
    _, raw, tempered, kept = chosen(logits, draw, 1.0, 1.0)
    np.testing.assert_allclose(kept, softmax(logits), atol=1e-6)
    np.testing.assert_allclose(tempered, raw, atol=1e-6)


def test_a_tiny_top_p_is_greedy(rows):
    logits, draw = rows
    for top_p in (1e-3, 1e-45, 0.0):  # float32 knows nothing between the last two
        ids, _, _, kept = chosen(logits, draw, top_p, 1.0)
        assert (ids == logits.argmax(axis=-1)).all()
        assert (np.count_nonzero(kept, axis=-1) == 1).all()


def test_the_number_lands_on_the_cumulative_bar():
    logits = np.full(V, -np.inf, np.float32)
    logits[[5, 9, 3, 70]] = np.log(np.float32([0.4, 0.4, 0.15, 0.05]))
    draws = [0.0, 0.39, 0.41, 0.79, 0.81, 0.94, 0.96, 1 - 2**-24]
    ids, *_ = chosen(np.tile(logits, (8, 1)), draws, 1.0, 1.0)
    assert ids.tolist() == [5, 5, 9, 9, 3, 3, 70, 70]
    ids, _, _, kept = chosen(np.tile(logits, (8, 1)), draws, 0.75, 1.0)
    assert ids.tolist() == [5, 5, 5, 9, 9, 9, 9, 9]
    assert np.flatnonzero(kept[0]).tolist() == [5, 9]


def test_extremes_stay_numbers():
    logits = np.float32(np.random.default_rng(0).normal(0, 30, (8, V)))
    for temperature in (sampling.MIN_TEMPERATURE, sampling.MAX_TEMPERATURE):
        found = chosen(logits, np.linspace(0, 1 - 2**-24, 8), 1.0, temperature)
        assert all(np.isfinite(f).all() for f in found)
        assert (found[3][np.arange(8), found[0]] > 0).all()


def test_the_same_seed_gives_the_same_text_alone_and_in_company(model):
    five = complete(model, "ab", samples=5, seed=7, max_chars=30)
    alone = complete(model, "ab", seed=7, max_chars=30)[0]
    ten = complete(model, "ab", samples=10, seed=7, max_chars=30)
    for one, other in [(alone, five[0]), *zip(five, ten)]:
        assert one.text == other.text
        assert np.array_equal(one.probability, other.probability)
    assert len({c.text for c in ten}) == 10
    assert complete(model, "ab", seed=8, max_chars=30)[0].text != alone.text


def test_odds_after_a_prefix_are_the_models_own(model):
    completion = complete(model, "rain", seed=1, max_chars=20)[0]
    ids = np.concatenate([text.encode("rain"), completion.ids])
    logits, _ = model(tf.constant([ids]))
    expected = softmax(logits[0].numpy())[4:]
    np.testing.assert_allclose(completion.raw, expected, atol=2e-5)
    drawn = expected[np.arange(len(completion.ids)), completion.ids]
    np.testing.assert_allclose(completion.probability, drawn, atol=2e-5)
    np.testing.assert_allclose(completion.surprisal, -np.log2(drawn), rtol=1e-3)


def test_a_completion_is_what_choose_makes_of_its_own_numbers(model):
    c = complete(model, "x", seed=3, max_chars=40, top_p=0.8, temperature=1.3)[0]
    assert 0 < len(c.ids) == len(c.draw) == len(c.nucleus) <= 40
    numbers = sampling.random_numbers(3, 0)
    assert c.draw.tolist() == numbers[1 : 1 + len(c.ids)].tolist()
    for raw, kept, size, draw, i in zip(c.raw, c.kept, c.nucleus, c.draw, c.ids):
        expected = exact_nucleus(np.log(np.float64(raw)), 0.8, 1.3)
        np.testing.assert_allclose(kept, expected, atol=2e-4)
        assert size == np.count_nonzero(expected)
        order = np.argsort(-expected, kind="stable")
        assert i == order[np.searchsorted(np.cumsum(expected[order]), draw, side="right")]
    assert c.headline == "x" + c.text and text.decode(c.ids) == c.text


def test_greedy_takes_the_likeliest_every_time(model):
    completion = complete(model, "", top_p=1e-6, seed=5, max_chars=25)[0]
    assert (completion.ids == completion.raw.argmax(axis=-1)).all()
    assert (completion.nucleus == 1).all()


def test_a_headline_ends_where_the_model_ends_it(model):
    eager = model._replace(b=model.b + np.float32(60) * np.eye(V, dtype=np.float32)[END])
    found = complete(eager, "abc", samples=2)
    assert [(c.text, c.ended, c.ids.tolist()) for c in found] == [("", True, [END])] * 2
    never = model._replace(b=model.b - np.float32(90) * np.eye(V, dtype=np.float32)[END])
    found = sample(never, 9, max_chars=12)
    assert [(len(c.text), c.ended, len(c.ids)) for c in found] == [(12, False, 12)] * 9


def test_the_longest_prefix_and_completion_fit(model):
    never = model._replace(b=model.b - np.float32(90) * np.eye(V, dtype=np.float32)[END])
    found = complete(never, "a" * sampling.MAX_PREFIX, max_chars=sampling.MAX_CHARS)[0]
    assert len(found.text) == sampling.MAX_CHARS and found.headline.startswith("a" * 200)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"top_p": 0}, r"top_p must be in \(0, 1\], got 0"),
        ({"top_p": 1.4}, r"top_p must be in \(0, 1\], got 1.4"),
        ({"temperature": 0}, "temperature must be from 0.001 to 1000, got 0"),
        ({"temperature": float("nan")}, "temperature .* got nan"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"max_chars": 121}, "max_chars must be from 1 to 120, got 121"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"prefix": "a" * 201}, "at most 200 characters, got 201"),
        ({"prefix": "Ω"}, r"'Ω' \(U\+03A9\) at position 1"),
    ],
)
def test_errors_say_what_came(model, options, message):
    with pytest.raises(ValueError, match=message):
        complete(model, **{"prefix": "a", **options})
