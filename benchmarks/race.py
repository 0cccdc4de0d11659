"""A race: each contender in a process of its own, all of them taking turns.

A short burst each round, so that whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import subprocess
import sys
import time


def serve(run, count: int) -> None:
    """Be a contender: warm up, then for each line read ``run(count)``.

    Prints the seconds of one of the ``count`` and the figures that ``run`` returned.
    """
    run(count)  # compiles, and warms caches
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        figures = run(count)
        print((time.perf_counter() - start) / count, *figures, flush=True)


class Contender:
    """``python -m module --worker arguments``, a program that calls `serve`."""

    def __init__(self, module: str, arguments: list[str]):
        self.times: list[float] = []
        self.figures: list[float] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(self.process.communicate()[1].strip()[-500:])

    def burst(self) -> None:
        print(file=self.process.stdin, flush=True)
        seconds, *self.figures = map(float, self.process.stdout.readline().split())
        self.times.append(seconds)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def race(module: str, entries: dict[str, list[str]], rounds: int) -> dict[str, Contender]:
    """Run ``entries`` (name -> arguments); one that can't start is named and left out."""
    field: dict[str, Contender] = {}
    try:
        for name, arguments in entries.items():
            try:
                field[name] = Contender(module, arguments)
            except RuntimeError as error:
                print(f"{name} left out: {error}", file=sys.stderr)
        for _ in range(rounds):
            for contender in field.values():
                contender.burst()
    finally:
        for contender in field.values():
            contender.close()
    return field
