"""Make pretrained/adder: the network that the Gates page shows before a visitor has trained one.

    python -m pretrained.train_adder

The folder holds the network, metrics.json, and in ``snapshots`` what it was along the way.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rnn_core import checkpoint
from rnn_core.training import AdditionRun, AdditionSettings

FOLDER = Path(__file__).parent / "adder"
STEPS = 300


def main() -> None:
    settings = AdditionSettings()
    run = AdditionRun(settings)
    run.advance(STEPS)
    about = {"settings": asdict(settings), "step": run.step}
    checkpoint.save(run.model, FOLDER, **about)
    steps, models = zip(*run.snapshots)
    checkpoint.save(tuple(models), FOLDER / "snapshots", steps=steps)
    metrics = {
        "command": "python -m pretrained.train_adder",
        **about,
        "parameters": sum(int(w.shape.num_elements()) for _, w in checkpoint.leaves(run.model)),
        "held_out": [
            {"bits": bits, "sums": 500, "seed": 1, "exact": run.exact(bits=bits, sums=500, seed=1)}
            for bits in (5, 16, 64, 1000)
        ],
    }
    (FOLDER / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
