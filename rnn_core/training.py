"""Training an adder: settings, compiled chunks of steps, a run with its history.

A chunk is one XLA program that takes weights, moments, learning rate, noise, seed, first step and
number of steps as arguments, so only another *shape* is ever traced: not a reset, another seed or
a slider. Batches are drawn inside it from (seed, step), so a run comes out the same, bit for bit,
however its steps are cut into chunks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from rnn_core.addition import Adder, LinearReadout, Sums, add, draw, exact_accuracy, sums_of
from rnn_core.cells import Backward, Bidirectional
from rnn_core.noise import normal
from rnn_core.optimizers import Moments, adam
from rnn_core.programs import compiled, programs
from rnn_core.settings import AdditionSettings

if not os.environ.get("TF_NUM_INTRAOP_THREADS"):
    # A step's operations are too small to share out: handing them to other threads doubles its
    # time, and runs of several visitors fill the cores anyway.
    with contextlib.suppress(RuntimeError):  # TensorFlow is at work already and keeps its threads
        tf.config.threading.set_intra_op_parallelism_threads(1)

MEASURES = ("train_loss", "validation_loss", "bit_accuracy", "exact_accuracy")

#: The most steps one call of a program can take; the rows of its table of measures.
CHUNK = 512

#: The generator of random numbers: under XLA on a CPU 30 times as fast as the default.
GENERATOR = "threefry"

#: Settings that may change while a run trains: arguments of its program.
LIVE = ("learning_rate", "noise")

#: A run keeps at most this many snapshots; past it, every other one goes.
SNAPSHOTS = 64
SNAPSHOT_EVERY = 8


def initial_model(settings: AdditionSettings) -> Adder:
    """The adder before its first step."""
    model = Adder.init(settings.unit, settings.units, order=settings.order, seed=settings.seed)
    if settings.weights == "small":
        rng = np.random.default_rng([settings.seed, 1])
        model = tf.nest.map_structure(lambda w: small_normal(rng, w.shape), model)
    if settings.loss == "squared":
        model = model._replace(readout=LinearReadout(*model.readout))
    return model


def small_normal(rng: np.random.Generator, shape) -> tf.Tensor:
    """Normal of sd 0.01; what lies past two sd is drawn again, as tf.truncated_normal does."""
    values = rng.standard_normal(shape)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.standard_normal(far.sum())
    return tf.constant(0.01 * values, tf.float32)


def fixed_sums(settings: AdditionSettings) -> tuple[Sums, Sums]:
    """The fixed batches to train on and to validate with, drawn as the tutorial draws them.

    Both numbers lie in [0, 2^(bits - 1) - 1) with the upper end left out, as its use of NumPy's
    randint had it (at 2 bits that would leave zero alone, so there 1 is let in).
    """
    rng = np.random.default_rng([settings.seed, 2])
    top = max(2, 2 ** (settings.bits - 1) - 1)

    def batch() -> Sums:
        numbers = rng.integers(0, top, (settings.batch_size, 1, 2))
        return sums_of(numbers >> np.arange(settings.bits)[:, None] & 1)

    return batch(), batch()


# ---------------------------------------------------------------- one compiled chunk


def loss_of(model: Adder, logits, y):
    """The loss of logits [B, T] against bits y [B, T]; which one is in the type of the read-out."""
    if isinstance(model.readout, LinearReadout):
        return 0.5 * tf.reduce_sum(tf.square(logits + 0.5 - y)) / tf.cast(tf.shape(y)[0], tf.float32)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits))


def disturbance(model: Adder, noise, stream, batch: int, bits: int):
    """What `unroll` calls after each step of training: Gaussian noise of sd ``noise`` on the state.

    On all of the state: of an LSTM on h and c, which makes it exact far more often than noise on
    either alone. ``stream(k)`` are seeds. A batch's noise is drawn at once.
    """

    def one(cell, first: int):
        shapes = [[bits, *s.shape] for s in tf.nest.flatten(cell.zero_state(batch))]
        values = [noise * normal(shape, stream(first + k)) for k, shape in enumerate(shapes)]

        def disturb(t, state):
            # The loop would otherwise add up a gradient of the noise that nobody asks for.
            noisy = [s + tf.stop_gradient(v[t]) for s, v in zip(tf.nest.flatten(state), values)]
            return tf.nest.pack_sequence_as(state, noisy)

        return disturb

    cell = model.cell
    if isinstance(cell, Bidirectional):
        return one(cell.forward, 0), one(cell.backward, 2)
    return one(cell.cell if isinstance(cell, Backward) else cell, 0)


def chunk_function(settings: AdditionSettings):
    """A chunk of training steps, as a function of all that is not a shape; see `arguments`."""
    bits, batch, fresh = settings.bits, settings.batch_size, settings.data == "fresh"

    def chunk(state, rate, noise, seed, first, count):
        def body(k, model, moments, table):
            def stream(j: int):
                """The seed of one of the step's streams of random numbers: there are eight."""
                return tf.stack([seed, 8 * (first + k) + j])

            def sums(j: int, fixed: Sums | None) -> Sums:
                return draw(stream(j), batch, bits, alg=GENERATOR) if fresh else fixed

            data = sums(0, state.train)
            with tf.GradientTape() as tape:
                tape.watch(model)
                disturb = disturbance(model, noise, lambda j: stream(2 + j), batch, bits)
                logits, _ = model(data.x, keep_gates=False, disturb=disturb)
                loss = loss_of(model, logits, data.y)
            model, moments = adam(model, moments, tape.gradient(loss, model), rate)

            data = sums(1, state.validation)
            logits, _ = model(data.x, keep_gates=False)
            right = tf.cast((logits > 0) == (data.y > 0.5), tf.float32)
            exact = tf.reduce_mean(tf.reduce_min(right, axis=1))
            row = [loss, loss_of(model, logits, data.y), tf.reduce_mean(right), exact]
            table = tf.tensor_scatter_nd_update(table, [[k]], [tf.stack(row)])
            return k + 1, model, moments, table

        table = tf.zeros([CHUNK, len(MEASURES)])
        _, model, moments, table = tf.while_loop(
            lambda k, *_: k < count, body, (0, state.model, state.moments, table)
        )
        return state._replace(model=model, moments=moments), table

    return chunk


def program_key(settings: AdditionSettings) -> tuple:
    """What a program is compiled for; all else in the settings is an argument of it."""
    names = ("unit", "units", "bits", "batch_size", "loss", "order", "data")
    return ("chunk", *(getattr(settings, name) for name in names))


def chunk_for(settings: AdditionSettings):
    """The compiled chunk for the shapes in ``settings``, made if there is none."""

    return programs.get(
        program_key(settings),
        lambda: compiled(chunk_function(settings), *arguments(settings, initial_state(settings))),
    )


class State(NamedTuple):
    """What a step of training changes, and the fixed batches it reads (None for fresh data)."""

    model: Adder
    moments: Moments
    train: Sums | None
    validation: Sums | None


def initial_state(settings: AdditionSettings) -> State:
    model = initial_model(settings)
    train, validation = fixed_sums(settings) if settings.data == "fixed" else (None, None)
    return State(model, Moments.zeros(model), train, validation)


def arguments(settings: AdditionSettings, state: State, first: int = 0, count: int = 0) -> tuple:
    """What a chunk's program takes to train ``count`` steps from step ``first``."""
    return (
        state,
        tf.constant(settings.learning_rate, tf.float32),
        tf.constant(settings.noise, tf.float32),
        tf.constant(settings.seed),
        tf.constant(first),
        tf.constant(count),
    )


def is_compiled(settings: AdditionSettings) -> bool:
    """Whether a run of these settings can start at once."""
    return program_key(settings) in programs


def warm_up(settings: AdditionSettings) -> None:
    """Compile what a run of these settings needs: seconds of work, best done in a thread."""
    chunk_for(settings)
    model = initial_model(settings)
    for bits in (settings.bits, 1000):
        exact_accuracy(model, bits=bits)


# ---------------------------------------------------------------- a run


class AdditionRun:
    """A network in training: its weights, its history, and snapshots of itself.

    ``snapshots`` is a list of (step, model), the first before any training; it is thinned as it
    grows, so that it spans the run with at most 64 of them.
    """

    def __init__(self, settings: AdditionSettings | None = None):
        self._settings = settings or AdditionSettings()
        self._lock = threading.RLock()
        self._initial = initial_state(self.settings)
        self._pace = 0.001  # seconds a step, measured as it goes
        self.reset()

    @property
    def settings(self) -> AdditionSettings:
        """What it trains with from here on.

        Learning rate and noise may be set to other values at any time; any other change is
        another run, and a ValueError.
        """
        return self._settings

    @settings.setter
    def settings(self, new: AdditionSettings) -> None:
        for field in dataclasses.fields(new):
            old, value = getattr(self._settings, field.name), getattr(new, field.name)
            if field.name not in LIVE and value != old:
                raise ValueError(f"{field.name} of a run must stay {old!r}, got {value!r}")
        with self._lock:
            self._settings = new

    def reset(self) -> None:
        """Back to the same initial weights, at step 0."""
        with self._lock:
            self._state = self._initial
            self.step = 0
            self._tables: list[np.ndarray] = []
            self.snapshots: list[tuple[int, Adder]] = [(0, self.model)]
            self._every = SNAPSHOT_EVERY

    def advance(self, steps: int) -> None:
        """Train ``steps`` steps."""
        if steps < 0:
            raise ValueError(f"steps must be at least 0, got {steps}")
        with self._lock:
            program = chunk_for(self.settings)
            goal = self.step + steps
            while self.step < goal:
                self._chunk(program, goal)

    def advance_for(self, seconds: float, *, at_most: int = 100_000) -> int:
        """Train for about ``seconds``, at most ``at_most`` steps; how many steps it took.

        Compiling, if there is need for it, comes before the clock starts.
        """
        with self._lock:
            program = chunk_for(self.settings)
            start, first = time.perf_counter(), self.step
            while (left := seconds - (time.perf_counter() - start)) > 0:
                steps = min(first + at_most - self.step, max(1, int(left / self._pace)))
                if steps < 1:
                    break
                self._chunk(program, self.step + steps)
            return self.step - first

    def _chunk(self, program, goal: int) -> None:
        """One call of the program: up to ``goal``, the next snapshot, or a full chunk."""
        count = min(goal - self.step, self._every - self.step % self._every, CHUNK)
        start = time.perf_counter()
        self._state, table = program(*arguments(self.settings, self._state, self.step, count))
        self._tables.append(table.numpy()[:count].copy())
        self._pace = (time.perf_counter() - start) / count
        self.step += count
        if self.step % self._every == 0:
            self.snapshots.append((self.step, self.model))
            if len(self.snapshots) > SNAPSHOTS:
                self.snapshots = self.snapshots[::2]
                self._every *= 2

    @property
    def model(self) -> Adder:
        """The network as it stands."""
        return self._state.model

    @property
    def history(self) -> pd.DataFrame:
        """One row a step: step, train_loss, validation_loss, bit_accuracy, exact_accuracy.

        The training loss is taken before the step's update and with its noise, the others after
        it and without.
        """
        with self._lock:
            table = np.concatenate([np.zeros((0, len(MEASURES)), np.float32), *self._tables])
        frame = pd.DataFrame(table, columns=MEASURES)
        frame.insert(0, "step", np.arange(1, len(frame) + 1))
        return frame

    def exact(self, *, bits: int | None = None, sums: int = 100, seed: int = 1) -> float:
        """The share of random sums of ``bits`` bits (those trained on, if None) wholly right."""
        bits = self.settings.bits if bits is None else bits
        return exact_accuracy(self.model, bits=bits, sums=sums, seed=seed)

    def add(self, a: int, b: int) -> int:
        """a + b as the network has it."""
        return add(self.model, a, b)
