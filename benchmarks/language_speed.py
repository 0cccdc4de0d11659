"""Training and generation of a character LSTM, here and elsewhere, as Markdown tables.

    make bench          or, with benchmarks/requirements.txt installed,
    python -m benchmarks.language_speed [--rounds 7] [--quick]

Each contender lives in a process of its own. They take turns, a burst each round, so that
whatever else the machine does falls on all alike; the median of the bursts counts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from benchmarks import language_contenders as contenders
from benchmarks.hardware import hardware, versions
from benchmarks.language_contenders import BASE, BATCH, CHARS, GENERATION, STEPS, TEXTS, TRAINING

TASKS = {"training": TRAINING, "generation": GENERATION}
#: Steps, or calls, of a burst.
BURST = {"training": 4, "generation": 10}


def work(task: str, name: str, count: int) -> None:
    """A worker: set up, then a burst for each line read; prints seconds for one, and its figure."""
    run = TASKS[task][name]()
    run(1)  # compiles, and warms caches
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        figure = run(count)
        print((time.perf_counter() - start) / count, figure, flush=True)


class Worker:
    """One contender in its own process."""

    def __init__(self, task: str, name: str, count: int):
        self.times: list[float] = []
        self.figure = float("nan")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.language_speed"]
            + ["--worker", task, name, "--count", str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{name}: {self.process.communicate()[1].strip()[-500:]}")

    def burst(self) -> None:
        print(file=self.process.stdin, flush=True)
        seconds, figure = map(float, self.process.stdout.readline().split())
        self.times.append(seconds)
        self.figure = figure

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def race(task: str, rounds: int, count: int) -> dict[str, Worker]:
    workers: dict[str, Worker] = {}
    try:
        for name in TASKS[task]:
            workers[name] = Worker(task, name, count)
        for _ in range(rounds):
            for worker in workers.values():
                worker.burst()
    finally:
        for worker in workers.values():
            worker.close()
    return workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one short round: does it run at all?")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(*args.worker, args.count)
    rounds = 1 if args.quick else args.rounds
    print(f"{hardware()}. {versions('tensorflow-cpu', 'keras', 'torch')}.\n")
    middle = statistics.median

    workers = race("training", rounds, 1 if args.quick else BURST["training"])
    base = middle(workers[BASE].times)
    print(
        f"| training: {contenders.DEPTH} LSTM layers of {contenders.H}, batch {BATCH} x {STEPS} |"
        " characters a second, median | best | ours against it | loss |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, worker in workers.items():
        speeds = [BATCH * STEPS / t for t in worker.times]
        print(
            f"| {name} | {middle(speeds):,.0f} | {max(speeds):,.0f}"
            f" | {middle(worker.times) / base:.2f} | {worker.figure:.3f} |"
        )

    workers = race("generation", rounds, 1 if args.quick else BURST["generation"])
    base = middle(workers[BASE].times)
    print(
        f"\n| generation: {TEXTS} texts of {CHARS} characters, same weights |"
        " ms, median | best | ours is faster by | nats of a fixed line |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, worker in workers.items():
        print(
            f"| {name} | {1e3 * middle(worker.times):.1f} | {1e3 * min(worker.times):.1f}"
            f" | {middle(worker.times) / base:.2f} | {worker.figure:.4f} |"
        )


if __name__ == "__main__":
    main()
