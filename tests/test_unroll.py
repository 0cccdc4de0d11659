"""The loop over time: lengths, reversal, both directions, stacks, unknown T."""

import numpy as np
import pytest
import tensorflow as tf
from reference import random_like, run

from rnn_core import cells, stacks
from rnn_core.unroll import last, mean, unroll

B, T, D, H = 4, 6, 3, 5
LENGTHS = np.array([6, 1, 4, 3])
KINDS = list(cells.CELLS.values())


def inputs(seed=0, steps=T):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.normal(size=(B, steps, D)), tf.float32)


def models():
    two = stacks.Bidirectional(*(random_like(cells.GRU.init(D, H, seed=0), s) for s in (1, 2)))
    stack = stacks.Stack.init([cells.LSTM, cells.GRU, cells.SimpleRNN], D, H, seed=0)
    skips = stacks.SkipStack.init([cells.GRU, cells.LSTM], D, H, seed=0)
    simple = [random_like(kind.init(D, H, seed=0)) for kind in KINDS]
    return [*simple, stacks.Backward(simple[3]), two, random_like(stack), random_like(skips)]


MODELS = [pytest.param(m, id=type(m).__name__) for m in models()]


@pytest.mark.parametrize("model", MODELS)
def test_padding_cannot_change_a_result(model):
    x = inputs().numpy()
    padding = np.arange(T) >= LENGTHS[:, None]
    junk = np.where(padding[:, :, None], 1e3, x)
    clean, dirty = (unroll(model, tf.constant(v), lengths=LENGTHS) for v in (x, junk))
    for a, b in zip(tf.nest.flatten(clean), tf.nest.flatten(dirty), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(clean.h.numpy()[padding]).max() == 0
    longer = unroll(model, tf.pad(tf.constant(x), [[0, 0], [0, 3], [0, 0]]), lengths=LENGTHS)
    np.testing.assert_allclose(longer.h[:, :T], clean.h, atol=1e-6)
    for a, b in zip(tf.nest.flatten(longer.state), tf.nest.flatten(clean.state)):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_row_of_a_batch_is_the_row_alone(model):
    x = inputs()
    batch = unroll(model, x, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone = unroll(model, x[row : row + 1, :length])
        np.testing.assert_allclose(batch.h[row, :length], alone.h[0], atol=1e-6)
        for a, b in zip(tf.nest.flatten(batch.state), tf.nest.flatten(alone.state)):
            np.testing.assert_allclose(a[row], b[0], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_reverse_reads_each_row_from_its_own_end(kind):
    cell, x = random_like(kind.init(D, H, seed=0)), inputs()
    trace = unroll(cell, x, lengths=LENGTHS, reverse=True)
    for row, length in enumerate(LENGTHS):
        h, _, _ = run(cell, x[row : row + 1, :length].numpy()[:, ::-1])
        np.testing.assert_allclose(trace.h[row, :length], h[0, ::-1], atol=1e-5)


def test_backward_is_reverse_and_twice_reverse_is_forward():
    cell, x = random_like(cells.GRU.init(D, H, seed=0)), inputs()
    back = unroll(stacks.Backward(cell), x, lengths=LENGTHS)
    np.testing.assert_array_equal(back.h, unroll(cell, x, lengths=LENGTHS, reverse=True).h)
    twice = unroll(stacks.Backward(cell), x, lengths=LENGTHS, reverse=True)
    np.testing.assert_array_equal(twice.h, unroll(cell, x, lengths=LENGTHS).h)


def test_bidirectional_is_its_two_halves_side_by_side():
    ahead, back = (random_like(cells.LSTM.init(D, H, seed=0), s) for s in (1, 2))
    x = inputs()
    trace = unroll(stacks.Bidirectional(ahead, back), x, lengths=LENGTHS)
    np.testing.assert_array_equal(trace.h[..., :H], unroll(ahead, x, lengths=LENGTHS).h)
    halves = unroll(back, x, lengths=LENGTHS, reverse=True)
    np.testing.assert_array_equal(trace.h[..., H:], halves.h)
    np.testing.assert_array_equal(trace.gates[1].f, halves.gates.f)


@pytest.mark.parametrize("kind", [stacks.Stack, stacks.SkipStack])
def test_a_stack_in_the_loop_equals_its_steps(kind):
    stack = random_like(kind.init([cells.LSTM, cells.GRU], D, H, seed=0))
    x = inputs()
    trace, state = unroll(stack, x), stack.zero_state(B)
    back = unroll(stack, x[:, ::-1], reverse=True)
    for t in range(T):
        h, state, _ = stack.step(x[:, t], state)
        np.testing.assert_allclose(trace.h[:, t], h, atol=1e-6)
        for k, held in enumerate((state[0].h, state[1])):
            np.testing.assert_allclose(trace.layers[k][:, t], held, atol=1e-6)
            np.testing.assert_allclose(back.layers[k][:, T - 1 - t], held, atol=1e-6)
    assert h.shape[-1] == stack.units


def test_state_carries_over():
    cell, x = random_like(cells.LSTM.init(D, H, seed=0)), inputs()
    first = unroll(cell, x[:, :2])
    rest = unroll(cell, x[:, 2:], state=first.state)
    np.testing.assert_allclose(rest.h, unroll(cell, x).h[:, 2:], atol=1e-6)


def test_disturb_replaces_the_state_and_a_pair_each_ways_own():
    cell, x = random_like(cells.GRU.init(D, H, seed=0)), inputs()
    cut = unroll(cell, x, disturb=lambda t, h: tf.where(t == 2, tf.zeros_like(h), h))
    np.testing.assert_allclose(cut.h[:, 3:], unroll(cell, x[:, 3:]).h, atol=1e-6)
    two = stacks.Bidirectional(cell, cell)
    trace = unroll(two, x, disturb=(lambda t, h: h, lambda t, h: tf.zeros_like(h)))
    np.testing.assert_array_equal(trace.h[..., :H], unroll(cell, x).h)
    assert np.abs(trace.h[..., H:] - unroll(cell, x, reverse=True).h).max() > 0.1


def test_last_and_mean_over_the_true_length():
    trace = unroll(random_like(cells.LSTM.init(D, H, seed=0)), inputs(), lengths=LENGTHS)
    h = trace.h.numpy()
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(last(trace, LENGTHS)[row], h[row, length - 1])
        expected = h[row, :length].mean(axis=0)
        np.testing.assert_allclose(mean(trace, LENGTHS)[row], expected, atol=1e-6)
    np.testing.assert_array_equal(last(trace, LENGTHS), trace.state.h)
    whole = unroll(random_like(cells.GRU.init(D, H, seed=0)), inputs())
    np.testing.assert_array_equal(last(whole), whole.h[:, -1])
    np.testing.assert_allclose(mean(whole), whole.h.numpy().mean(axis=1), atol=1e-6)


def graph_nodes(steps):
    cell = cells.GRU.init(D, H, seed=0)
    function = tf.function(lambda x: unroll(cell, x).h)
    graph = function.get_concrete_function(tf.TensorSpec([B, steps, D])).graph.as_graph_def()
    return len(graph.node) + sum(len(f.node_def) for f in graph.library.function)


def test_a_long_sequence_does_not_grow_the_graph():
    assert graph_nodes(1000) == graph_nodes(10)
    assert graph_nodes(None) < 2 * graph_nodes(10)


def test_time_and_batch_may_be_unknown_when_traced():
    cell = random_like(cells.LSTM.init(D, H, seed=0))
    spec = tf.TensorSpec([None, None, D]), tf.TensorSpec([None], tf.int32)
    function = tf.function(lambda x, n: unroll(cell, x, lengths=n).h, input_signature=spec)
    for steps in (1, T, 40):
        x, lengths = inputs(steps=steps), np.minimum(LENGTHS, steps)
        expected = unroll(cell, x, lengths=lengths).h
        np.testing.assert_allclose(function(x, lengths), expected, atol=1e-6)
    assert function.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("model", MODELS)
def test_inline_is_the_same_written_out(model):
    x = inputs()
    found = []
    for inline in (False, True):
        with tf.GradientTape() as tape:
            tape.watch((model, x))
            trace = unroll(
                model,
                x,
                lengths=LENGTHS,
                inline=inline,
                disturb=lambda t, s: tf.nest.map_structure(lambda v: v + 0.1 * (t == 2), s),
            )
            loss = tf.reduce_sum(tf.sin(3 * trace.h))
        found.append(tf.nest.flatten((trace, tape.gradient(loss, (model, x)))))
    for loop, written_out in zip(*found, strict=True):
        np.testing.assert_allclose(loop, written_out, atol=1e-5)


def test_inline_needs_a_known_number_of_steps():
    cell = cells.GRU.init(D, H, seed=0)
    with pytest.raises(ValueError, match="inline needs a known number of steps"):
        unroll(cell, inputs(steps=0), inline=True)
    function = tf.function(lambda x: unroll(cell, x, inline=True).h, autograph=False)
    with pytest.raises(ValueError, match="inline needs a known number of steps"):
        function.get_concrete_function(tf.TensorSpec([B, None, D]))


def test_wrong_ranks_are_named():
    cell = cells.GRU.init(D, H, seed=0)
    with pytest.raises(ValueError, match=r"x must be \[batch, time, input\]"):
        unroll(cell, tf.zeros([B, D]))
    with pytest.raises(ValueError, match=r"lengths must be \[batch\]"):
        unroll(cell, inputs(), lengths=tf.zeros([B, 1], tf.int32))
