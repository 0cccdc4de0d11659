"""Time of one training step with its validation loss, here and elsewhere, as Markdown tables.

    make bench          or, with benchmarks/requirements.txt installed,
    python -m benchmarks.adder_speed [--rounds 15]

Each contender lives in a process of its own. They take turns, a short burst each round, so that
whatever else the machine does falls on all alike; the least and the median of the bursts count.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from benchmarks.contenders import CONTENDERS
from benchmarks.hardware import hardware, versions

BASE = "this repository"


def work(name: str) -> None:
    """A worker: set up, then a burst for each line read; prints seconds a step and both losses."""
    set_up, steps = CONTENDERS[name]
    run = set_up()
    run(steps)  # compiles, and warms caches
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        losses = run(steps)
        print((time.perf_counter() - start) / steps, *losses, flush=True)


class Worker:
    """One contender in its own process."""

    def __init__(self, name: str):
        self.times: list[float] = []
        self.losses = ("", "")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.adder_speed", "--worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{name}: {self.process.communicate()[1].strip()[-500:]}")

    def burst(self) -> None:
        print(file=self.process.stdin, flush=True)
        seconds, *self.losses = self.process.stdout.readline().split()
        self.times.append(float(seconds))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def race(names: list[str], rounds: int) -> dict[str, Worker]:
    workers = {}
    for name in names:
        try:
            workers[name] = Worker(name)
        except RuntimeError as error:
            print(f"left out: {error}", file=sys.stderr)
    for _ in range(rounds):
        for worker in workers.values():
            worker.burst()
    for worker in workers.values():
        worker.close()
    return workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--worker", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(args.worker)
    print(f"{hardware()}. {versions('tensorflow-cpu', 'keras', 'torch', 'jax')}.\n")
    workers = race(list(CONTENDERS), args.rounds)
    base = min(workers[BASE].times)
    print("| one step with its validation loss | ms, least | ms, median | times ours | losses |")
    print("| --- | --- | --- | --- | --- |")
    for name, worker in workers.items():
        least, middle = min(worker.times), statistics.median(worker.times)
        train, validation = (f"{float(v):.2g}" for v in worker.losses)
        print(
            f"| {name} | {1e3 * least:.3f} | {1e3 * middle:.3f} | {least / base:.2f}"
            f" | {train}, {validation} |"
        )


if __name__ == "__main__":
    main()
