"""A small training run in a process of its own, to be killed or to be one of several workers.

    python language_worker.py FOLDER [pause] [dropout]

Prints "step N" after every step (then sleeps ``pause`` seconds) and "done" at the end. The
checkpoint is saved after every second step.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from rnn_core import text
from rnn_core.language_training import LanguageRun, LanguageSettings


def corpus(rows: int, seed: int) -> text.Headlines:
    """Lines of words in one width of batch, so that one program is compiled."""
    rng = np.random.default_rng(seed)
    words = ["rain", "wins", "over", "the", "mayor", "flood", "says"]
    return text.Headlines.of([" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(rows)])


def settings(dropout: float = 0.0) -> LanguageSettings:
    return LanguageSettings(
        unit="lstm",
        depth=2,
        units=12,
        embedding=8,
        buckets=(97,),
        skip=True,
        epochs=2,
        batch_size=8,
        dropout=dropout,
        ngram_dropout=dropout,
        clip=0.5,
        warm_up=3,
        seed=3,
    )


def main(folder: str, pause: float = 0.0, dropout: float = 0.0) -> None:
    run = LanguageRun(settings(dropout), corpus(64, seed=0), corpus(16, seed=1), folder)
    print("start", run.step, flush=True)

    def report(run, bits, characters):
        print(f"step {run.step} {bits:.9f}", flush=True)
        time.sleep(pause)

    while run.step < run.steps:
        run.train(until=run.step + 2, report=report)
        run.save()
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
