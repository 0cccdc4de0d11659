"""Training a `CharLM` on headlines: batches by length, Muon and Adam, resumable checkpoints."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
import tensorflow as tf

from rnn_core import checkpoint, optimizers, text
from rnn_core.checkpoint import known
from rnn_core.language import CharLM, bits_per_char, nats, parameters
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
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        if self.learning_rate <= 0 or self.muon_rate < 0 or self.clip <= 0:
            raise ValueError("learning_rate and clip must be above 0, muon_rate at least 0")

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


def gradients(
    model: CharLM, ids, lengths, total, seed, dropout: float, index: int = 0, workers: int = 1
):
    """d(loss)/d(model) and the loss in nats a character, of a batch with ``total`` characters.

    A worker is given every ``workers``-th row of a joint batch from row ``index``, and in
    ``total`` the characters of all rows, so that the workers' gradients and losses add up to
    those of the joint batch.
    """

    def drop(layer, x):
        if layer == 0:
            return x
        # One mask for all steps of a row (Gal & Ghahramani 2016, arXiv 1512.05287), drawn for
        # the joint batch: a row's mask does not depend on who computes it.
        noise = tf.random.stateless_uniform(
            [ids.shape[0] * workers, 1, x.shape[-1]], seed + [layer + 1, 0]
        )
        return tf.where(noise[index::workers] < dropout, 0.0, x / (1 - dropout))

    with tf.GradientTape() as tape:
        tape.watch(model)
        loss, _ = nats(model, ids, lengths, dropout=drop if dropout else None)
        loss = loss / total
    found = tape.gradient(loss, model)
    return tf.nest.map_structure(tf.convert_to_tensor, found), loss


def update(model: CharLM, moments: Moments, grads: CharLM, adam_rate, muon_rate, clip: float):
    """Clip, then Adam on everything but, where ``muon_rate`` is given, the cells' W and U: Muon."""
    grads = optimizers.clip(grads, clip)
    new, after = optimizers.adam(model, moments, grads, adam_rate, beta_2=0.99)
    if muon_rate is None:
        return new, after
    cells, memory = [], []
    for old, fresh, m, g, m_new in zip(
        model.cell.cells, new.cell.cells, moments.m.cell.cells, grads.cell.cells, after.m.cell.cells
    ):
        W, m_W = optimizers.muon(old.W, m.W, g.W, muon_rate, block=old.units)
        U, m_U = optimizers.muon(old.U, m.U, g.U, muon_rate, block=old.units)
        cells.append(fresh._replace(W=W, U=U))
        memory.append(m_new._replace(W=m_W, U=m_U))
    new = new._replace(cell=new.cell._replace(cells=tuple(cells)))
    m = after.m._replace(cell=after.m.cell._replace(cells=tuple(memory)))
    return new, after._replace(m=m)


@functools.cache
def _step_program(clip: float, dropout: float, with_muon: bool):
    @tf.function(jit_compile=True)
    def step(model, moments, ids, lengths, adam_rate, muon_rate, seed):
        total = tf.cast(tf.reduce_sum(lengths), tf.float32)
        grads, loss = gradients(model, ids, lengths, total, seed, dropout)
        model, moments = update(
            model, moments, grads, adam_rate, muon_rate if with_muon else None, clip
        )
        return model, moments, loss

    return step


@functools.cache
def _gradient_program(dropout: float, index: int, workers: int):
    share = functools.partial(gradients, dropout=dropout, index=index, workers=workers)
    return tf.function(share, jit_compile=True)


@functools.cache
def _update_program(clip: float, with_muon: bool):
    def run(model, moments, grads, adam_rate, muon_rate):
        return update(model, moments, grads, adam_rate, muon_rate if with_muon else None, clip)

    return tf.function(run, jit_compile=True)


class Cluster:
    """The workers named in TF_CONFIG, or this process alone.

    Every worker holds the whole state and makes the same update; what goes between them is the
    sum of the gradients (`tf.distribute.MultiWorkerMirroredStrategy`). TensorFlow wants the
    strategy made before anything else is computed.
    """

    def __init__(self):
        task = json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {})
        self.strategy = tf.distribute.MultiWorkerMirroredStrategy() if task else None
        self.workers = self.strategy.num_replicas_in_sync if task else 1
        self.index = int(task.get("index", 0))
        self._sum = None

    @property
    def chief(self) -> bool:
        return self.index == 0

    def sum(self, tree: Any) -> Any:
        """The tree of float32 tensors with every worker's values added up."""
        if self.strategy is None:
            return tree
        if self._sum is None:

            def reduce(vector):
                # The identity stands on the worker's device; an argument has none, which
                # all_reduce refuses.
                context = tf.distribute.get_replica_context()
                return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(vector))

            self._sum = tf.function(
                lambda vector: self.strategy.run(reduce, args=(vector,)), reduce_retracing=True
            )
        flat = tf.nest.flatten(tree)
        sizes = [int(np.prod(t.shape)) for t in flat]
        # One vector, so that a step costs one exchange and not one for every weight.
        total = self._sum(tf.concat([tf.reshape(t, [-1]) for t in flat], axis=0))
        pieces = [tf.reshape(p, t.shape) for p, t in zip(tf.split(total, sizes), flat)]
        return tf.nest.pack_sequence_as(tree, pieces)

    def from_chief(self, tree: Any) -> Any:
        """The chief's tree, on every worker."""
        if self.chief:
            return self.sum(tree)
        return self.sum(tf.nest.map_structure(tf.zeros_like, tree))


class LanguageRun:
    """A run that can be stopped at any step and picked up again to the same end.

    ``folder`` holds the finished model (best weights by validation) and, in ``resume``, the last
    checkpoint. All randomness comes from (seed, step), so where a run was cut leaves no trace.
    """

    def __init__(
        self, settings: LanguageSettings, data: text.Headlines, valid: text.Headlines, folder
    ):
        self.settings, self.data, self.valid = settings, data, valid
        self.folder = Path(folder)
        self.cluster = Cluster()
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
        return {"settings": settings, "headlines": len(self.data), "characters": chars}

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
        seed = tf.constant([s.seed, self.step * 64])
        count = int(batch.lengths.sum())
        model, moments, best = self.state
        if self.cluster.workers == 1:
            program = _step_program(s.clip, s.dropout, s.muon_rate > 0)
            model, moments, loss = program(model, moments, batch.ids, batch.lengths, *rates, seed)
        else:
            mine = slice(self.cluster.index, None, self.cluster.workers)
            ids, lengths = batch.ids[mine], batch.lengths[mine]
            total = tf.constant(float(count))
            share = _gradient_program(s.dropout, self.cluster.index, self.cluster.workers)
            found = share(model, ids, lengths, total, seed)
            grads, loss = self.cluster.sum(found)
            program = _update_program(s.clip, s.muon_rate > 0)
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
