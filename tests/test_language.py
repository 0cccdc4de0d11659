import numpy as np
import pytest
import tensorflow as tf

from rnn_core import text
from rnn_core.language import CharLM, bits_per_char, nats, parameters, surprisals

LINES = ["rain again in the city", "no", "mayor's $2 plan: a-b", "x y z"]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm(cell, x, state):
    H = cell.units
    h, c = state
    a = x @ cell.W + h @ cell.U + cell.b
    i, f, g, o = (a[k * H : (k + 1) * H] for k in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(cell, x, state):
    H = cell.units
    h = state[0]
    a = x @ cell.W + cell.b
    z = sigmoid(a[:H] + h @ cell.U[:, :H])
    r = sigmoid(a[H : 2 * H] + h @ cell.U[:, H : 2 * H])
    candidate = np.tanh(a[2 * H :] + (r * h) @ cell.U[:, 2 * H :])
    return ((1 - z) * h + z * candidate,)


def derived_bits(model, line, step, skip):
    """Bits of each character and the end, written out in NumPy from the model's definition."""
    m = tf.nest.map_structure(lambda t: t.numpy().astype(np.float64), model)
    states = [(np.zeros(cell.units), np.zeros(cell.units)) for cell in m.cell.cells]
    history = [0] * 10
    bits = []
    for target in [text.VOCABULARY.index(c) for c in line] + [0]:
        x = m.embedding[history[-1]].copy()
        for n, table in enumerate(m.ngrams, start=2):
            number = 0
            for c in history[-n:]:
                number = number * 97 + c
            x += table[number % len(table)]
        below, outputs = x, []
        for k, cell in enumerate(m.cell.cells):
            states[k] = step(cell, below, states[k])
            outputs.append(states[k][0])
            below = np.concatenate([x, states[k][0]]) if skip else states[k][0]
        h = np.concatenate(outputs) if skip else outputs[-1]
        logits = np.concatenate([h, x]) @ m.W + m.b
        logits -= logits.max()
        bits.append((np.log(np.exp(logits).sum()) - logits[target]) / np.log(2))
        history.append(target)
    return np.array(bits)


def model_of(unit, skip, buckets):
    model = CharLM.init(unit, 2, 5, embedding=4, buckets=buckets, skip=skip, seed=4)
    # Biases too must matter.
    rng = np.random.default_rng(8)
    return tf.nest.map_structure(lambda t: t + rng.normal(0, 0.3, t.shape).astype("f4"), model)


@pytest.fixture(scope="module")
def model():
    return model_of("lstm", True, (97, 50))


@pytest.mark.parametrize(
    "unit, step, skip, buckets", [("lstm", lstm, True, (97, 50)), ("gru", gru, False, ())]
)
def test_bits_are_those_of_the_definition(unit, step, skip, buckets):
    model = model_of(unit, skip, buckets)
    for line in LINES[:2]:
        expected = derived_bits(model, line, step, skip)
        np.testing.assert_allclose(surprisals(model, line)[0], expected, rtol=2e-5)
    expected = np.concatenate([derived_bits(model, line, step, skip) for line in LINES])
    assert len(expected) == sum(map(len, LINES)) + len(LINES)
    assert bits_per_char(model, LINES, batch=4) == pytest.approx(expected.mean(), rel=1e-5)


def test_company_and_padding_change_nothing(model):
    alone = [bits_per_char(model, [line], batch=4) * (len(line) + 1) for line in LINES]
    together = bits_per_char(model, LINES * 2, batch=4)
    assert together == pytest.approx(sum(alone) / sum(len(line) + 1 for line in LINES), rel=1e-5)


def test_what_stands_in_the_padding_is_not_counted(model):
    batch = text.pad(text.Headlines.of(LINES), np.arange(4), 26, size=5)
    junk = batch.ids.copy()
    past = np.arange(26) >= batch.lengths[:, None]
    junk[past] = np.random.default_rng(0).integers(1, 96, past.sum())
    loss, count = nats(model, tf.constant(batch.ids), batch.lengths)
    other, _ = nats(model, tf.constant(junk), batch.lengths)
    assert float(loss) == float(other) > 0
    assert int(count) == batch.lengths.sum()


def test_a_step_at_a_time_is_the_whole(model):
    ids = text.encode("a long b")
    logits, _ = model(tf.constant([ids]))
    state = model.cell.zero_state(1)
    context = [0] * model.order
    for t, i in enumerate(ids):
        found, state = model.step(tf.constant([context]), state)
        np.testing.assert_allclose(found[0], logits[0, t], atol=1e-5)
        context = context[1:] + [int(i)]


def test_the_order_is_how_far_back_the_embeddings_see(model):
    assert model.order == 3
    one, other = np.array([[7, 3, 4, 5], [8, 3, 4, 5]])
    assert np.array_equal(model.embed(one[None, -3:]), model.embed(other[None, -3:]))
    assert not np.allclose(model.embed(one[None, 1:]), model.embed(one[None, :3]))


def test_shapes_that_disagree_are_named(model):
    model.check()
    for change, message in [
        ({"W": model.W[:-1]}, "W must be"),
        ({"b": model.b[:5]}, "b must be"),
        ({"ngrams": (model.ngrams[0], model.ngrams[1][:, :2])}, "ngrams.1 must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            model._replace(**change).check()


def test_parameters(model):
    layers = (4 * 20 + 5 * 20 + 20) + (9 * 20 + 5 * 20 + 20)
    assert parameters(model) == 96 * 4 + 97 * 4 + 50 * 4 + layers + (10 + 4) * 96 + 96


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: bits_per_char(m, []), "at least one text, got none"),
        (lambda m: bits_per_char(m, ["fine", "café"]), "headline 2: 'é'"),
        (lambda m: surprisals(m, "a\tb"), "position 2"),
        (lambda m: CharLM.init("lstn", 1, 1, embedding=1, seed=0), "unit must be one of"),
        (lambda m: CharLM.init("lstm", 0, 1, embedding=1, seed=0), "depth must be at least 1"),
    ],
)
def test_errors_say_what_came(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)
