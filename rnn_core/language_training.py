"""Training a `CharLM` on headlines: its settings, and a run with resumable checkpoints."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rnn_core import checkpoint, text
from rnn_core.checkpoint import known
from rnn_core.cluster import Cluster
from rnn_core.language import CharLM, bits_per_char, parameters
from rnn_core.language_steps import (
    STREAMS,
    Dropout,
    gradient_program,
    step_program,
    update_program,
)
from rnn_core.optimizers import Moments

known(Moments)


@dataclasses.dataclass(frozen=True)
class LanguageSettings:
    """Everything that, with the data, decides a training run."""

    unit: str = "lstm"
    depth: int = 3
    units: int = 256
    embedding: int = 64
    buckets: tuple[int, ...] = ()
    skip: bool = False
    epochs: int = 5
    batch_size: int = 128
    learning_rate: float = 3e-3  # Adam's, for embeddings, biases and read-out
    muon_rate: float = 0.02  # for the recurrent layers' matrices; 0 leaves them to Adam too
    warm_up: int = 50  # steps of linear rise; then a linear fall to 0
    dropout: float = 0.0  # of every layer's input but the first, and of the read-out's
    ngram_dropout: float = 0.0  # of the n-gram embeddings, each as a whole
    clip: float = 1.0
    shares: tuple[tuple[str, float], ...] = ()  # share of each group's rows in a pass
    last_shares: tuple[tuple[str, float], ...] = ()  # the same for the last pass
    seed: int = 0

    def __post_init__(self):
        for name in ("depth", "units", "embedding", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.warm_up < 0 or any(size < 1 for size in self.buckets):
            raise ValueError(
                "warm_up must be at least 0 and each of buckets at least 1,"
                f" got {self.warm_up} and {self.buckets}"
            )
        for name in ("dropout", "ngram_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not self.muon_rate >= 0:
            raise ValueError(f"muon_rate must be at least 0, got {self.muon_rate}")

    @classmethod
    def of(cls, saved: dict) -> LanguageSettings:
        """Settings as a config.json holds them: JSON has lists for tuples."""

        def frozen(value):
            return tuple(map(frozen, value)) if isinstance(value, list) else value

        return cls(**{name: frozen(value) for name, value in saved.items()})

    def plan(self, headlines: text.Headlines, epoch: int) -> list[tuple[int, np.ndarray]]:
        """The batches of a pass: the same for the same settings, data and number of the pass."""
        last = epoch == self.epochs - 1 and self.last_shares
        shares = dict(self.last_shares if last else self.shares) or None
        if shares and (strange := set(shares) - set(headlines.names)):
            raise ValueError(f"shares name {sorted(strange)}, the data has {headlines.names}")
        plan = text.epoch(headlines, self.batch_size, seed=self.seed * 1000 + epoch, shares=shares)
        if not plan:
            raise ValueError(f"{len(headlines)} headlines fill no batch of {self.batch_size}")
        return plan

    def rate(self, step: int, steps: int) -> float:
        """The factor on both rates at ``step`` of ``steps``: up, then down in a line."""
        return min(1.0, (step + 1) / self.warm_up if self.warm_up else 1.0) * (1 - step / steps)


@known
class Training(NamedTuple):
    """All that a run must remember: one tree, so one checkpoint holds it."""

    model: CharLM
    moments: Moments
    best: CharLM


class LanguageRun:
    """A run that can be stopped at any step and picked up again to the same end.

    ``folder`` holds the finished model (best weights by validation) and, in ``resume``, the last
    checkpoint. All randomness comes from (seed, step), so where a run was cut leaves no trace.
    ``start`` is a model to begin with, of the shape that the settings say; else one is drawn.
    ``cluster`` is given by who makes tensors before the run; else it is made here.
    """

    def __init__(
        self,
        settings: LanguageSettings,
        data: text.Headlines,
        valid: text.Headlines,
        folder,
        *,
        start: CharLM | None = None,
        cluster: Cluster | None = None,
    ):
        self.settings, self.data, self.valid = settings, data, valid
        self.folder = Path(folder)
        self.cluster = cluster or Cluster()
        if settings.batch_size % self.cluster.workers:
            raise ValueError(
                f"batch_size must be a multiple of the {self.cluster.workers} workers,"
                f" got {settings.batch_size}"
            )
        self.step = 0
        self.seconds = 0.0
        self.history: list[dict] = []
        self._loss = [0.0, 0.0]  # nats and characters of the pass so far
        self.sizes = [len(settings.plan(data, e)) for e in range(settings.epochs)]
        model = CharLM.init(
            settings.unit,
            settings.depth,
            settings.units,
            embedding=settings.embedding,
            buckets=settings.buckets,
            skip=settings.skip,
            seed=settings.seed,
        )
        self._start = None
        if start is not None:
            start = start.in_floats()
            if (theirs := checkpoint.describe(start)) != (mine := checkpoint.describe(model)):
                raise ValueError(f"the model to start from must be {mine}, got {theirs}")
            model, self._start = start, checkpoint.digest(start)
        self.state = Training(model, Moments.zeros(model), model)
        if self.cluster.chief and (self.folder / "resume" / checkpoint.CONFIG).exists():
            self._load()
        if self.cluster.workers > 1:
            self._share()

    @property
    def steps(self) -> int:
        return sum(self.sizes)

    @property
    def identity(self) -> dict:
        """What must be equal for a checkpoint to belong to this run."""
        chars = int(self.data.starts[-1])
        settings = json.loads(json.dumps(dataclasses.asdict(self.settings)))
        start = {"start": self._start} if self._start else {}
        return {"settings": settings, "headlines": len(self.data), "characters": chars, **start}

    def train(
        self,
        *,
        save_every: float = 120.0,
        report: Callable[[LanguageRun, float, int], None] = lambda run, bits, chars: None,
        until: int | None = None,
    ) -> None:
        """Train to the end (or to step ``until``), with a checkpoint each ``save_every`` seconds.

        ``report(run, bits_per_char_of_the_batch, characters)`` is called after every step.
        """
        saved = time.monotonic()
        epoch, plan = None, []
        while self.step < (self.steps if until is None else min(until, self.steps)):
            started = time.monotonic()
            now, index = self._position()
            if now != epoch:
                epoch, plan = now, self.settings.plan(self.data, now)
            width, rows = plan[index]
            loss, count = self._advance(text.pad(self.data, rows, width))
            self._loss[0] += loss * count
            self._loss[1] += count
            self.step += 1
            if index == len(plan) - 1:
                self._validate(epoch)
            self.seconds += time.monotonic() - started
            report(self, loss / float(np.log(2)), count)
            if index == len(plan) - 1 or time.monotonic() - saved > save_every:
                self.save()
                saved = time.monotonic()

    def save(self) -> None:
        if not self.cluster.chief:
            return
        checkpoint.save(
            self.state,
            self.folder / "resume",
            identity=self.identity,
            step=self.step,
            seconds=self.seconds,
            history=self.history,
            loss=self._loss,
        )

    def _position(self) -> tuple[int, int]:
        """(pass, batch within it) of the next step."""
        index = self.step
        for epoch, size in enumerate(self.sizes):
            if index < size:
                return epoch, index
            index -= size
        raise IndexError(f"step {self.step} is past the last, {self.steps}")

    def _advance(self, batch: text.Batch) -> tuple[float, int]:
        s = self.settings
        factor = s.rate(self.step, self.steps)
        rates = tf.constant(s.learning_rate * factor), tf.constant(s.muon_rate * factor)
        seed = tf.constant([s.seed, self.step * STREAMS])
        count = int(batch.lengths.sum())
        dropout = Dropout(s.dropout, s.ngram_dropout)
        model, moments, best = self.state
        if self.cluster.workers == 1:
            program = step_program(s.clip, dropout, s.muon_rate > 0)
            model, moments, loss = program(model, moments, batch.ids, batch.lengths, *rates, seed)
        else:
            mine = slice(self.cluster.index, None, self.cluster.workers)
            ids, lengths = batch.ids[mine], batch.lengths[mine]
            total = tf.constant(float(count))
            share = gradient_program(dropout, self.cluster.index, self.cluster.workers)
            found = share(model, ids, lengths, total, seed)
            grads, loss = self.cluster.sum(found)
            program = update_program(s.clip, s.muon_rate > 0)
            model, moments = program(model, moments, grads, *rates)
        self.state = Training(model, moments, best)
        loss = float(loss)
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss at step {self.step} is {loss}: lower the rates")
        return loss, count

    def _validate(self, epoch: int) -> None:
        if not self.cluster.chief:  # the chief alone keeps the history and the best weights
            return
        valid = bits_per_char(self.state.model, self.valid)
        if not np.isfinite(valid):  # not to be kept: a model that is no numbers can't be loaded
            raise FloatingPointError(
                f"the validation loss after step {self.step} is {valid}: lower the rates"
            )
        if all(valid < row["valid"] for row in self.history):
            self.state = self.state._replace(best=self.state.model)
        train = self._loss[0] / self._loss[1] / float(np.log(2))
        self.history.append({"epoch": epoch + 1, "step": self.step, "train": train, "valid": valid})
        self._loss = [0.0, 0.0]

    def _load(self) -> None:
        folder = self.folder / "resume"
        state, config = checkpoint.read(folder)
        for key, mine in self.identity.items():
            theirs = config.get("identity", {}).get(key)
            if theirs != mine:
                raise ValueError(
                    f"{folder} is of another run: its {key} is {theirs}, this run's is {mine};"
                    " choose another folder or remove it"
                )
        self.state = state
        self.step, self.seconds = config["step"], config["seconds"]
        self.history, self._loss = config["history"], config["loss"]

    def _share(self) -> None:
        """Give every worker the chief's state, so that only the chief needs the checkpoint."""
        self.state = self.cluster.from_chief(self.state)
        self.step = int(self.cluster.from_chief(tf.constant(float(self.step))))


def report_figures(model: CharLM, sets: dict[str, text.Headlines]) -> dict[str, float]:
    """Bits per character on each named set, rounded to 4 places, and the number of parameters."""
    figures = {name: round(bits_per_char(model, rows), 4) for name, rows in sets.items()}
    return {"parameters": parameters(model), "bits_per_char": figures}
