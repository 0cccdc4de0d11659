"""The same character LSTM in three libraries: 3 layers of 256, embedding of 64, 96 characters.

Every contender is a function that sets itself up with the weights of `weights` and returns
``run(count) -> figure``. Training: ``count`` steps of Adam on batches of 256 rows of 48
characters; the figure is the last loss in nats. Generation: ``count`` times five texts of 80
characters, nucleus sampling at top_p 0.9; the figure is the nats of a fixed line, which shows
that the weights are the same.
"""

from __future__ import annotations

import os

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

V, E, H, DEPTH = 96, 64, 256, 3
BATCH, STEPS, RATE = 256, 48, 1e-3
TEXTS, CHARS, TOP_P = 5, 80, 0.9
BUCKETS = (9413, 16381, 32749, 32749, 32749)  # of the headline models


def weights() -> dict[str, np.ndarray]:
    """Random weights in this repository's layout: gates in the order i, f, c_tilde, o.

    Character 0, the end, is made impossible, so that every text has its 80 characters.
    """
    rng = np.random.default_rng(0)

    def uniform(*shape):
        limit = np.sqrt(6 / sum(shape))
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    found = {"embedding": rng.normal(0, 0.5, (V, E)).astype(np.float32)}
    for k, inputs in enumerate([E] + [H] * (DEPTH - 1)):
        found[f"W{k}"], found[f"U{k}"] = uniform(inputs, 4 * H), uniform(H, 4 * H)
        found[f"b{k}"] = np.repeat(np.float32([0, 1, 0, 0]), H)
    found["W"], found["b"] = uniform(H + E, V), np.zeros(V, np.float32)
    found["b"][0] = -60
    return found


def batch() -> np.ndarray:
    """Characters int32 [BATCH, STEPS], none of them the end."""
    return np.random.default_rng(1).integers(1, V, (BATCH, STEPS)).astype(np.int32)


LINE = np.arange(1, 41, dtype=np.int32)


def _model():
    import tensorflow as tf

    from rnn_core.cells import LSTM
    from rnn_core.language import CharLM
    from rnn_core.stacks import Stack

    w = {name: tf.constant(value) for name, value in weights().items()}
    cells = tuple(LSTM(w[f"W{k}"], w[f"U{k}"], w[f"b{k}"]) for k in range(DEPTH))
    return CharLM(w["embedding"], (), Stack(cells), w["W"], w["b"])


def _train(model, muon_rate):
    import tensorflow as tf

    from rnn_core.language_steps import NO_DROPOUT, step_program
    from rnn_core.optimizers import Moments

    program = step_program(1.0, NO_DROPOUT, muon_rate > 0)
    state = [model, Moments.zeros(model)]
    ids, lengths = tf.constant(batch()), tf.fill([BATCH], STEPS)
    rates, seed = (tf.constant(RATE), tf.constant(muon_rate)), tf.constant([0, 0])

    def run(count):
        for _ in range(count):
            *state[:], loss = program(*state, ids, lengths, *rates, seed)
        return float(loss)

    return run


def train_ours():
    return _train(_model(), 0.0)


def train_ours_full():
    from rnn_core.language import CharLM

    model = CharLM.init("lstm", DEPTH, H, embedding=E, buckets=BUCKETS, skip=True, seed=0)
    return _train(model, 0.02)


def _keras_layers():
    """Embedding, LSTM layers and read-out of Keras, holding `weights`."""
    import keras

    w = weights()
    embed = keras.layers.Embedding(V, E)
    layers = [keras.layers.LSTM(H, return_sequences=True) for _ in range(DEPTH)]
    dense = keras.layers.Dense(V)
    embed.build((None, None))
    embed.set_weights([w["embedding"]])
    for k, layer in enumerate(layers):
        layer.build((None, None, E if k == 0 else H))
        layer.set_weights([w[f"W{k}"], w[f"U{k}"], w[f"b{k}"]])  # Keras has the same order
    dense.build((None, H + E))
    dense.set_weights([w["W"], w["b"]])
    return embed, layers, dense


def _train_keras(jit_compile):
    import keras
    import tensorflow as tf

    embed, layers, dense = _keras_layers()
    ids = keras.Input((STEPS,), dtype="int32")
    x = h = embed(ids)
    for layer in layers:
        h = layer(h)
    model = keras.Model(ids, dense(keras.layers.Concatenate()([h, x])))
    model.compile(
        optimizer=keras.optimizers.Adam(RATE, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    target = tf.constant(batch())
    before = tf.pad(target[:, :-1], [[0, 0], [1, 0]])

    def run(count):
        for _ in range(count):
            loss = model.train_on_batch(before, target)
        return float(loss)

    return run


def train_keras():
    return _train_keras(False)


def train_keras_xla():
    return _train_keras(True)


def _torch_modules():
    """Embedding, LSTM and read-out of PyTorch, holding `weights`."""
    import torch

    w = {name: torch.from_numpy(value) for name, value in weights().items()}
    embed, lstm = torch.nn.Embedding(V, E), torch.nn.LSTM(E, H, DEPTH, batch_first=True)
    dense = torch.nn.Linear(H + E, V)
    with torch.no_grad():
        embed.weight.copy_(w["embedding"])
        for k in range(DEPTH):
            getattr(lstm, f"weight_ih_l{k}").copy_(w[f"W{k}"].T)  # i, f, g, o there too
            getattr(lstm, f"weight_hh_l{k}").copy_(w[f"U{k}"].T)
            getattr(lstm, f"bias_ih_l{k}").copy_(w[f"b{k}"])
            getattr(lstm, f"bias_hh_l{k}").zero_()
        dense.weight.copy_(w["W"].T)
        dense.bias.copy_(w["b"])
    return embed, lstm, dense


def train_torch():
    import torch

    embed, lstm, dense = modules = torch.nn.ModuleList(_torch_modules())
    optimizer = torch.optim.Adam(modules.parameters(), RATE, eps=1e-7)
    target = torch.from_numpy(batch()).long()
    before = torch.nn.functional.pad(target[:, :-1], (1, 0))

    def run(count):
        for _ in range(count):
            optimizer.zero_grad()
            x = embed(before)
            logits = dense(torch.cat([lstm(x)[0], x], -1))
            loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), target.reshape(-1))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
            optimizer.step()
        return loss.item()

    return run


def generate_ours():
    import tensorflow as tf

    from rnn_core import language, sampling

    model = _model()
    figure = float(language.nats(model, tf.constant(LINE[None]), tf.constant([len(LINE)]))[0])
    seeds = iter(range(10**9))

    def run(count):
        for _ in range(count):
            found = sampling.sample(model, TEXTS, top_p=TOP_P, max_chars=CHARS, seed=next(seeds))
            _check([len(c.text) for c in found])
        return figure

    return run


def generate_keras():
    """A character at a time, as with Keras's cells; each step one function compiled by XLA."""
    import tensorflow as tf

    embed, layers, dense = _keras_layers()
    cells = [layer.cell for layer in layers]

    def forward(ids, states):
        x = h = embed(ids)
        after = []
        for cell, state in zip(cells, states, strict=True):
            h, state = cell(h, state)
            after.append(state)
        return dense(tf.concat([h, x], -1)), after

    @tf.function(jit_compile=True)
    def step(ids, states, draw):
        logits, states = forward(ids, states)
        odds, order = tf.math.top_k(tf.nn.softmax(logits), V)
        odds = tf.where(tf.cumsum(odds, -1, exclusive=True) < TOP_P, odds, 0.0)
        mass = tf.cumsum(odds, -1)
        rank = tf.reduce_sum(tf.cast(mass <= draw[:, None] * mass[:, -1:], tf.int32), -1)
        return tf.gather(order, rank, batch_dims=1), states

    def zeros(rows):
        return [[tf.zeros([rows, H]), tf.zeros([rows, H])] for _ in range(DEPTH)]

    nats, states = 0.0, zeros(1)
    for before, target in zip([0, *LINE[:-1]], LINE, strict=True):
        logits, states = forward(tf.constant([before]), states)
        nats -= float(tf.nn.log_softmax(logits)[0, target])
    rng = np.random.default_rng(0)

    def run(count):
        for _ in range(count):
            ids, states, texts = tf.zeros([TEXTS], tf.int32), zeros(TEXTS), []
            for draw in tf.constant(rng.random((CHARS, TEXTS), np.float32)):
                ids, states = step(ids, states, draw)
                texts.append(ids)
            _check(np.count_nonzero(tf.stack(texts), axis=0))
        return nats

    return run


def generate_torch():
    """A character at a time, as with PyTorch's LSTM."""
    import torch

    embed, lstm, dense = _torch_modules()

    @torch.inference_mode()
    def forward(ids, state):
        x = embed(ids)[:, None]
        h, state = lstm(x, state)
        return dense(torch.cat([h, x], -1)), state

    @torch.inference_mode()
    def step(ids, state, draw):
        logits, state = forward(ids, state)
        odds, order = torch.sort(torch.softmax(logits[:, 0], -1), descending=True)
        odds = torch.where(torch.cumsum(odds, -1) - odds < TOP_P, odds, 0.0)
        mass = torch.cumsum(odds, -1)
        rank = torch.searchsorted(mass, draw[:, None] * mass[:, -1:], right=True)
        return torch.gather(order, 1, rank)[:, 0], state

    nats, state = 0.0, None
    for before, target in zip([0, *LINE[:-1]], LINE, strict=True):
        logits, state = forward(torch.tensor([int(before)]), state)
        nats -= float(torch.log_softmax(logits[0, 0], -1)[int(target)])
    rng = np.random.default_rng(0)

    def run(count):
        for _ in range(count):
            ids, state, texts = torch.zeros(TEXTS, dtype=torch.long), None, []
            for draw in torch.from_numpy(rng.random((CHARS, TEXTS), np.float32)):
                ids, state = step(ids, state, draw)
                texts.append(ids)
            _check(np.count_nonzero(torch.stack(texts).numpy(), axis=0))
        return nats

    return run


def _check(lengths) -> None:
    if list(lengths) != [CHARS] * TEXTS:
        raise RuntimeError(f"expected {TEXTS} texts of {CHARS} characters, got {list(lengths)}")


BASE = "this repository"
TRAINING = {
    BASE: train_ours,
    "Keras": train_keras,
    "Keras, jit_compile=True": train_keras_xla,
    "PyTorch": train_torch,
    "this repository, with n-grams, skip connections and Muon": train_ours_full,
}
GENERATION = {BASE: generate_ours, "Keras": generate_keras, "PyTorch": generate_torch}
