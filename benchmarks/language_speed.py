"""Training and generation of a character LSTM, here and elsewhere, as Markdown tables.

    make bench          or, with benchmarks/requirements.txt installed,
    python -m benchmarks.language_speed [--rounds 7] [--quick]

The contenders take turns (see `race`); the median of their bursts counts.
"""

from __future__ import annotations

import argparse
import statistics

from benchmarks import language_contenders as contenders
from benchmarks.hardware import hardware, versions
from benchmarks.language_contenders import BASE, BATCH, CHARS, GENERATION, STEPS, TEXTS, TRAINING
from benchmarks.race import race, serve

TASKS = {"training": TRAINING, "generation": GENERATION}
#: Steps, or calls, of a burst.
BURST = {"training": 4, "generation": 10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one short round: does it run at all?")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        task, name, count = args.worker
        run = TASKS[task][name]()
        return serve(lambda count: [run(count)], int(count))
    rounds = 1 if args.quick else args.rounds
    print(f"{hardware()}. {versions('tensorflow-cpu', 'keras', 'torch')}.\n")
    middle = statistics.median

    def contest(task: str):
        count = "1" if args.quick else str(BURST[task])
        entries = {name: [task, name, count] for name in TASKS[task]}
        return race("benchmarks.language_speed", entries, rounds)

    field = contest("training")
    base = middle(field[BASE].times)
    print(
        f"| training: {contenders.DEPTH} LSTM layers of {contenders.H}, batch {BATCH} x {STEPS} |"
        " characters a second, median | best | ours against it | loss |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, entry in field.items():
        speeds = [BATCH * STEPS / t for t in entry.times]
        print(
            f"| {name} | {middle(speeds):,.0f} | {max(speeds):,.0f}"
            f" | {middle(entry.times) / base:.2f} | {entry.figures[0]:.3f} |"
        )

    field = contest("generation")
    base = middle(field[BASE].times)
    print(
        f"\n| generation: {TEXTS} texts of {CHARS} characters, same weights |"
        " ms, median | best | ours is faster by | nats of a fixed line |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, entry in field.items():
        print(
            f"| {name} | {1e3 * middle(entry.times):.1f} | {1e3 * min(entry.times):.1f}"
            f" | {middle(entry.times) / base:.2f} | {entry.figures[0]:.4f} |"
        )


if __name__ == "__main__":
    main()
