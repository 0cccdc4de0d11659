"""Time of one training step with its validation loss, here and elsewhere, as Markdown tables.

    make bench          or, with benchmarks/requirements.txt installed,
    python -m benchmarks.adder_speed [--rounds 15]

The contenders take turns (see `race`); the least and the median of their bursts count.
"""

from __future__ import annotations

import argparse
import statistics

from benchmarks.contenders import CONTENDERS
from benchmarks.hardware import hardware, versions
from benchmarks.race import race, serve

BASE = "this repository"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--worker", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        set_up, steps = CONTENDERS[args.worker]
        return serve(set_up(), steps)
    print(f"{hardware()}. {versions('tensorflow-cpu', 'keras', 'torch', 'jax')}.\n")
    field = race("benchmarks.adder_speed", {name: [name] for name in CONTENDERS}, args.rounds)
    base = min(field[BASE].times)
    print("| one step with its validation loss | ms, least | ms, median | times ours | losses |")
    print("| --- | --- | --- | --- | --- |")
    for name, entry in field.items():
        least, middle = min(entry.times), statistics.median(entry.times)
        train, validation = (f"{v:.2g}" for v in entry.figures)
        print(
            f"| {name} | {1e3 * least:.3f} | {1e3 * middle:.3f} | {least / base:.2f}"
            f" | {train}, {validation} |"
        )


if __name__ == "__main__":
    main()
