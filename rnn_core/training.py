"""Training an adder: compiled chunks of steps, and a run with its history.

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

import numpy as np
import pandas as pd
import tensorflow as tf

from rnn_core.addition import Adder, add, exact_accuracy
from rnn_core.programs import compiled, programs
from rnn_core.settings import LIVE, AdditionSettings
from rnn_core.steps import CHUNK, MEASURES, State, chunk_function, initial_model, initial_state

if not os.environ.get("TF_NUM_INTRAOP_THREADS"):
    # A step's operations are too small to share out: handing them to other threads doubles its
    # time, and runs of several visitors fill the cores anyway.
    with contextlib.suppress(RuntimeError):  # TensorFlow is at work already and keeps its threads
        tf.config.threading.set_intra_op_parallelism_threads(1)

#: A run keeps at most this many snapshots; past it, every other one goes. Each ends a chunk, and
#: a chunk's call costs as much as a step.
SNAPSHOTS = 40
SNAPSHOT_EVERY = 10


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
    grows, so that it spans the run with at most 40 of them.
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

    def timeline(self) -> list[tuple[int, Adder]]:
        """The snapshots, ending with the network as it stands: (step, model) in order."""
        with self._lock:
            past = [look for look in self.snapshots if look[0] < self.step]
            return [*past, (self.step, self.model)]

    @property
    def diverged(self) -> bool:
        """Whether a loss of the last step is no longer a finite number."""
        with self._lock:
            last = self._tables[-1][-1] if self._tables else np.zeros(len(MEASURES))
        return not np.isfinite(last[:2]).all()  # the losses come first

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
