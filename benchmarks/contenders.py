"""The same training step in five libraries: 5-bit sums, a GRU of 16 units, batches of 100, Adam.

Every contender is a function that sets itself up and returns ``run(steps) -> (train loss,
validation loss)``: so many steps of training, each with its validation loss computed.
"""

from __future__ import annotations

import os

BITS, UNITS, BATCH, RATE = 5, 16, 100, 0.02


def batches():
    """x [B, T, 2], y [B, T] to train on and to validate with, as the tutorial drew them."""
    import numpy as np

    def batch(seed):
        numbers = np.random.default_rng(seed).integers(0, 2 ** (BITS - 1) - 1, (BATCH, 1, 2))
        places = np.arange(BITS)
        x = numbers >> places[:, None] & 1
        y = numbers.sum(axis=2) >> places & 1
        return x.astype(np.float32), y.astype(np.float32)

    return batch(0), batch(1)


def ours(bits=BITS, units=UNITS, **settings):
    from rnn_core.settings import AdditionSettings
    from rnn_core.training import AdditionRun

    run = AdditionRun(AdditionSettings(bits=bits, units=units, **settings))

    def train(steps):
        run.advance(steps)
        last = run.history.iloc[-1]
        return last.train_loss, last.validation_loss

    return train


def ours_tutorial():
    """The tutorial's recipe, here."""
    return ours(learning_rate=0.001, loss="squared", noise=0.0, data="fixed", weights="small")


def tutorial():
    """The way of the 2017 tutorial: graph mode, tf.scan, float64, two session calls a step."""
    import numpy as np
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    (x_train, y_train), (x_test, y_test) = batches()
    dtype = tf.float64

    def weight(*shape):
        return tf.Variable(tf.truncated_normal(shape, mean=0, stddev=0.01, dtype=dtype))

    W_z, W_r, W_h = (weight(2, UNITS) for _ in range(3))
    U_z, U_r, U_h = (weight(UNITS, UNITS) for _ in range(3))
    b_z, b_r, b_h = (weight(UNITS) for _ in range(3))
    W_out, b_out = weight(UNITS, 1), weight(1)

    def forward(h, x):
        z = tf.sigmoid(tf.matmul(x, W_z) + tf.matmul(h, U_z) + b_z)
        r = tf.sigmoid(tf.matmul(x, W_r) + tf.matmul(h, U_r) + b_r)
        h_tilde = tf.tanh(tf.matmul(x, W_h) + tf.matmul(tf.multiply(r, h), U_h) + b_h)
        return tf.multiply(1 - z, h) + tf.multiply(z, h_tilde)

    x = tf.placeholder(dtype, [None, None, 2])
    y = tf.placeholder(dtype, [BATCH, BITS, 1])
    steps = tf.transpose(x, [1, 0, 2])
    start = tf.matmul(steps[0], tf.zeros([2, UNITS], dtype))
    h = tf.transpose(tf.scan(forward, steps, initializer=start), [1, 0, 2])
    output = tf.map_fn(lambda h: tf.matmul(h, W_out) + b_out, h)
    loss = tf.reduce_sum(0.5 * tf.pow(output - y, 2)) / float(BATCH)
    train_step = tf.train.AdamOptimizer().minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    train = {x: x_train, y: y_train[..., np.newaxis]}
    test = {x: x_test, y: y_test[..., np.newaxis]}

    def run(steps):
        for _ in range(steps):
            _, train_loss = session.run([train_step, loss], feed_dict=train)
            validation_loss = session.run(loss, feed_dict=test)
        return train_loss, validation_loss

    return run


def keras():
    """Keras 3 on TensorFlow, as it compiles by itself: train_on_batch and test_on_batch."""
    import keras

    (x_train, y_train), (x_test, y_test) = batches()
    model = keras.Sequential(
        [keras.layers.GRU(UNITS, return_sequences=True, reset_after=False), keras.layers.Dense(1)]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=loss)

    def run(steps):
        for _ in range(steps):
            train = model.train_on_batch(x_train, y_train[..., None])
            validation = model.test_on_batch(x_test, y_test[..., None])
        return float(train), float(validation)

    return run


def pytorch():
    """PyTorch's nn.GRU on one thread, which is its fastest at this size."""
    import torch

    torch.set_num_threads(1)
    (x_train, y_train), (x_test, y_test) = (
        tuple(torch.tensor(v) for v in batch) for batch in batches()
    )
    gru, linear = torch.nn.GRU(2, UNITS, batch_first=True), torch.nn.Linear(UNITS, 1)
    optimizer = torch.optim.Adam([*gru.parameters(), *linear.parameters()], lr=RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = loss_of(linear(gru(x_train)[0])[..., 0], y_train)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                validation = loss_of(linear(gru(x_test)[0])[..., 0], y_test)
        return loss.item(), validation.item()

    return run


def jax(chunk=50):
    """JAX: scans over time and over 50 steps in one jit, fresh batches drawn inside; no noise."""
    import jax
    import jax.numpy as jnp

    H = UNITS
    keys = jax.random.split(jax.random.PRNGKey(0), 4)
    glorot, turn = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.orthogonal()
    weights = {
        "W": glorot(keys[0], (2, 3 * H)),
        "U": jnp.concatenate([turn(k, (H, H)) for k in jax.random.split(keys[1], 3)], axis=1),
        "b": jnp.zeros(3 * H),
        "W_out": glorot(keys[2], (H, 1)),
        "b_out": jnp.zeros(1),
    }

    def loss_of(w, x, y):
        p = jnp.swapaxes(x @ w["W"] + w["b"], 0, 1)

        def step(h, p):
            zr = jax.nn.sigmoid(p[:, : 2 * H] + h @ w["U"][:, : 2 * H])
            z, r = zr[:, :H], zr[:, H:]
            h_tilde = jnp.tanh(p[:, 2 * H :] + (r * h) @ w["U"][:, 2 * H :])
            h = (1 - z) * h + z * h_tilde
            return h, h

        _, h = jax.lax.scan(step, jnp.zeros((BATCH, H)), p)
        logits = jnp.swapaxes((h @ w["W_out"] + w["b_out"])[..., 0], 0, 1)
        return jnp.mean(jnp.maximum(logits, 0) - logits * y + jnp.log1p(jnp.exp(-jnp.abs(logits))))

    def draw(key):
        numbers = jax.random.randint(key, (BATCH, 2), 0, 2 ** (BITS - 1))
        places = jnp.arange(BITS)
        x = numbers[:, None, :] >> places[:, None] & 1
        return x.astype(jnp.float32), (numbers.sum(1)[:, None] >> places & 1).astype(jnp.float32)

    def one(carry, key):
        w, m, v, t = carry
        key, other = jax.random.split(key)
        loss, g = jax.value_and_grad(loss_of)(w, *draw(key))
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        w = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), w, m, v)
        return (w, m, v, t), (loss, loss_of(w, *draw(other)))

    program = jax.jit(lambda carry, key: jax.lax.scan(one, carry, jax.random.split(key, chunk)))
    zeros = jax.tree.map(jnp.zeros_like, weights)
    carry, calls = (weights, zeros, zeros, jnp.float32(0)), 0

    def run(steps):
        nonlocal carry, calls
        for _ in range(-(-steps // chunk)):
            calls += 1
            carry, losses = program(carry, jax.random.PRNGKey(calls))
        return float(losses[0][-1]), float(losses[1][-1])

    return run


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

#: Name -> (set-up, steps a burst).
CONTENDERS = {
    "this repository": (ours, 200),
    "this repository, the tutorial's recipe": (ours_tutorial, 200),
    "the 2017 tutorial's way (tf.scan, float64)": (tutorial, 10),
    "Keras": (keras, 10),
    "PyTorch, 1 thread": (pytorch, 50),
    "JAX, 50 steps in one jit": (jax, 200),
}
for _bits, _units in ((10, 16), (16, 16), (5, 4), (5, 32), (5, 64)):
    CONTENDERS[f"this repository, {_bits} bits, {_units} units"] = (
        lambda bits=_bits, units=_units: ours(bits, units),
        100,
    )
