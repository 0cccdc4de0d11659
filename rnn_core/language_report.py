"""Following a training run, and what a finished one leaves: its model and its metrics.json."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shlex
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rnn_core import checkpoint, sampling, text
from rnn_core.cards import METRICS
from rnn_core.language import CharLM
from rnn_core.language_training import LanguageRun, LanguageSettings, report_figures

TRAIN_ROWS = 2500  # of the training headlines, to set beside the held-out figures
SAMPLES, SAMPLE_TOP_P, SAMPLE_SEED = 200, 0.9, 0

#: What a metrics.json says of a training, and as what.
TRAINING = {
    "command": (str,),
    "minutes": (float, int),
    "characters_trained_on": (int,),
    "history": (list,),
}


class Progress:
    """A bar on stderr: characters a second, time left, bits per character; a line for each pass.

    To be given to `LanguageRun.train` as its ``report``; silent on all workers but the chief.
    """

    def __init__(self, run: LanguageRun):
        counts = characters(run)
        self.bar = tqdm(
            total=sum(counts),
            initial=sum(counts[: run.step]),
            unit="char",
            unit_scale=True,
            mininterval=0.5,
            smoothing=0.05,
            dynamic_ncols=True,
            disable=not run.cluster.chief,
        )
        self.bits: float | None = None
        self.passes = len(run.history)

    def __call__(self, run: LanguageRun, bits: float, count: int) -> None:
        self.bits = bits if self.bits is None else 0.98 * self.bits + 0.02 * bits
        self.bar.set_postfix_str(f"{self.bits:.3f} bits/char", refresh=False)
        self.bar.update(count)
        if len(run.history) > self.passes:
            self.passes = len(run.history)
            self.bar.write(pass_line(run.history[-1], run.settings.epochs))

    def close(self) -> None:
        self.bar.close()


def pass_line(row: dict, epochs: int) -> str:
    return (
        f"pass {row['epoch']} of {epochs}: train {row['train']:.4f},"
        f" valid {row['valid']:.4f} bits per character"
    )


def characters(run: LanguageRun) -> list[int]:
    """Characters, ends among them, of every batch of the whole run in order."""
    lengths = run.data.lengths
    return [
        int(lengths[rows].sum())
        for epoch in range(run.settings.epochs)
        for _, rows in run.settings.plan(run.data, epoch)
    ]


def finish(
    run: LanguageRun,
    *,
    names: dict[str, str],
    command: str,
    split: str,
    test: text.Headlines | None = None,
    cores: int | None = None,
    start: str | Path | None = None,
    folder: str | Path | None = None,
) -> dict:
    """Write the run's best weights and metrics.json to ``folder``; return what the latter holds.

    ``folder`` is the run's own if None. Every figure is that of the weights as saved: float16, and
    the n-gram tables in bytes.
    ``names`` are the data files of "train", "valid" and "test", ``split`` says in words how they
    came about, ``cores`` how many were used (all if None). ``start``: the folder of the starting
    model; its training record is put before this run's. With several workers only the chief
    writes; the others get {}.
    """
    if not run.cluster.chief:
        return {}
    folder = Path(run.folder if folder is None else folder)
    checkpoint.save(
        run.state.best.in_bytes(),
        folder,
        dtype="float16",
        vocabulary="".join(text.VOCABULARY),
        seen="".join(sorted(text.VOCABULARY[i] for i in np.unique(run.data.codes))),
        settings=dataclasses.asdict(run.settings),
    )
    model = checkpoint.load(folder)
    rows = np.random.default_rng(0).permutation(len(run.data))[:TRAIN_ROWS]
    sets = {"train": run.data.take(rows), "valid": run.valid, "test": test}
    earlier = [training_of(start)] if start else []
    known, words = words_known(model, run.data.texts())
    metrics = {
        **report_figures(model, {name: rows for name, rows in sets.items() if rows is not None}),
        "bits_per_char_of": "the weights as saved, the end of a headline counted;"
        f" train: a fixed random sample of {len(rows):,} training headlines",
        "words_known": round(known / max(words, 1), 4),
        "words_known_of": f"{words:,} words of {SAMPLES} samples, top_p {SAMPLE_TOP_P},"
        f" temperature 1, seed {SAMPLE_SEED}",
        "data": {name: Path(file).name for name, file in names.items()},
        "headlines": {
            "train": len(run.data),
            "valid": len(run.valid),
            **({} if test is None else {"test": len(test)}),
        },
        "split": split,
        "seed": run.settings.seed,
        "command": " && ".join([*(before["command"] for before in earlier), command]),
        "hardware": {
            "cpu": cpu_model(),
            "cores": cores or os.cpu_count(),
            "workers": run.cluster.workers,
        },
        "tensorflow": tf.__version__,
        "minutes": round(run.seconds / 60 + sum(before["minutes"] for before in earlier), 1),
        "characters_trained_on": sum(characters(run)[: run.step])
        + sum(before["characters_trained_on"] for before in earlier),
        "history": [row for before in earlier for row in before["history"]] + run.history,
    }
    path = folder / (METRICS + ".new")
    path.write_text(json.dumps(metrics, indent=2) + "\n")
    os.replace(path, folder / METRICS)
    return metrics


def training_of(folder: str | Path) -> dict:
    """What the metrics.json of a model says of its training: command, minutes, passes."""
    path = Path(folder) / METRICS
    doubt = f"{path} does not say how the model was trained, so it can't be started from"
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{doubt}: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{doubt}: expected an object, got {type(found).__name__}")
    for field, kinds in TRAINING.items():
        if not isinstance(found.get(field), kinds):
            expected = " or ".join(kind.__name__ for kind in kinds)
            got = type(found.get(field)).__name__
            raise ValueError(f"{doubt}: field {field!r} must be {expected}, got {got}")
    return {field: found[field] for field in TRAINING}


def words_known(model: CharLM, headlines: Iterable[str]) -> tuple[int, int]:
    """Of the words of `SAMPLES` samples, how many stand in ``headlines``; and how many words."""
    vocabulary = {word for line in headlines for word in line.split()}
    samples = sampling.sample(
        model, SAMPLES, top_p=SAMPLE_TOP_P, seed=SAMPLE_SEED, max_chars=sampling.MAX_CHARS
    )
    words = [word for sample in samples for word in sample.text.split()]
    return sum(word in vocabulary for word in words), len(words)


def command_of(
    settings: LanguageSettings,
    names: dict[str, str],
    out: str | Path,
    *,
    start: str | Path | None = None,
    column: str = "headline_text",
    group: str | None = None,
    threads: int | None = None,
) -> str:
    """The command line that makes this run, with the names of files only."""
    words = ["python", "-m", "rnn_core", "train", Path(names["train"]).name]
    words += [
        w
        for name in ("valid", "test")
        if name in names
        for w in (f"--{name}", Path(names[name]).name)
    ]
    words += ["--start", Path(start).name] if start else []
    words += ["--column", column] if column != "headline_text" else []
    words += ["--group", group] if group else []
    for field, default in ((f.name, f.default) for f in dataclasses.fields(settings)):
        value, option = getattr(settings, field), "--" + field.replace("_", "-")
        if value == default and field not in ("unit", "depth", "units", "epochs", "seed"):
            continue
        if field in ("shares", "last_shares"):
            words += [
                w for name, share in value for w in (option.removesuffix("s"), f"{name}={share:g}")
            ]
        elif field == "buckets":
            words += [option, ",".join(map(str, value))]
        elif field == "skip":
            words += [option]
        else:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    words += ["--threads", str(threads)] if threads else []
    return shlex.join([*words, "--out", Path(out).name])


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
