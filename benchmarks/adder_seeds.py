"""What adders learn, seed by seed, as Markdown tables.

    python -m benchmarks.adder_seeds [defaults] [units] [kinds] [tutorial] [--seeds 20]

defaults   the default settings, every seed, 200 steps: sums wholly right by width
units      the same with 4, 8, 32 and 64 units
kinds      the same with the other units
tutorial   the 2017 recipe after 5,000 steps: both losses, and sums wholly right by width
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.hardware import hardware, versions  # noqa: E402
from rnn_core.settings import AdditionSettings  # noqa: E402

STEPS = 200
WIDTHS = (5, 64, 1000, 10_000)
TUTORIAL_STEPS, TUTORIAL_WIDTHS = 5000, (5, 20, 64, 1000)


def shares(settings: AdditionSettings, steps: int, widths) -> tuple:
    """The run, trained, and its share of 100 sums wholly right at each width."""
    from rnn_core.training import AdditionRun

    run = AdditionRun(settings)
    run.advance(steps)
    return run, [run.exact(bits=bits, sums=100, seed=1) for bits in widths]


def table(rows: dict[str, dict], seeds: int) -> None:
    """One row for each setting: of how many seeds all of 100 sums are right, and the worst."""
    widths = [f"{bits:,} bits" for bits in WIDTHS]
    print(f"| {STEPS} steps, seeds 0 to {seeds - 1} | " + " | ".join(widths) + " |")
    print("| --- |" + " --- |" * len(WIDTHS))
    for name, change in rows.items():
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            settings = [AdditionSettings(seed=seed, **change) for seed in range(seeds)]
            found = list(pool.map(lambda s: shares(s, STEPS, WIDTHS)[1], settings))
        cells = []
        for column in zip(*found):
            whole = sum(share == 1 for share in column)
            cell = f"{whole} of {seeds} seeds"
            if whole < seeds:
                mean = sum(column) / seeds
                cell += f" (worst {min(column):.0%}, mean {mean:.0%})"
            cells.append(cell)
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print()


def tutorial(seeds: int) -> None:
    widths = [f"{bits:,} bits" for bits in TUTORIAL_WIDTHS]
    print(f"| tutorial preset, step {TUTORIAL_STEPS:,} | train loss | validation loss | ", end="")
    print(" | ".join(widths) + " |")
    print("| --- | --- | --- |" + " --- |" * len(widths))
    for seed in range(seeds):
        run, found = shares(AdditionSettings.tutorial(seed=seed), TUTORIAL_STEPS, TUTORIAL_WIDTHS)
        last = run.history.iloc[-1]
        cells = [f"seed {seed}", f"{last.train_loss:.2g}", f"{last.validation_loss:.2g}"]
        print(f"| {' | '.join(cells + [f'{share:.0%}' for share in found])} |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("defaults", "units", "kinds", "tutorial")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts)}")
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args()
    if unknown := set(args.parts) - set(parts):
        parser.error(f"parts must be of {parts}, got {sorted(unknown)}")
    wanted = args.parts or parts
    start = time.perf_counter()
    print(f"{hardware()}. {versions('tensorflow-cpu', 'numpy')}.\n")
    if "defaults" in wanted:
        table({"GRU, 16 units (the defaults)": {}}, args.seeds)
    if "units" in wanted:
        table({f"GRU, {n} units": {"units": n} for n in (4, 8, 32, 64)}, args.seeds)
    if "kinds" in wanted:
        names = {"rnn": "simple RNN", "gru_no_reset": "GRU without reset gate", "lstm": "LSTM"}
        table({f"{name}, 16 units": {"unit": unit} for unit, name in names.items()}, args.seeds)
    if "tutorial" in wanted:
        tutorial(min(args.seeds, 5))
    print(f"{time.perf_counter() - start:.0f} s in all.")


if __name__ == "__main__":
    main()
