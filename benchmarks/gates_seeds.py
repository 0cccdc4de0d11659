"""What the Gates page finds in ten networks of each kind, as a Markdown table.

    python -m benchmarks.gates_seeds [--seeds 10] [--steps 300]

Every network is trained with the default settings but for its unit, then asked: is the full adder
found inside, does a moved state move the carry, which single value tells the carry best?
"""

from __future__ import annotations

import argparse

import numpy as np

from rnn_core import analysis
from rnn_core.settings import UNITS
from rnn_core.training import AdditionRun, AdditionSettings


def row(unit: str, seed: int, steps: int) -> dict:
    run = AdditionRun(AdditionSettings(unit=unit, seed=seed))
    before = run.model
    run.advance(steps)
    found = analysis.automaton(run.model)
    lens = analysis.carry_lens(run.model)
    return {
        "found": found,
        "recovered": found.recovered and found.states == 2 and found.agreement == 1.0,
        "transplant": analysis.transplant(run.model),
        "auc": lens["auc"].iloc[0],
        "shuffled": (lens["shuffled_auc"].min(), lens["shuffled_auc"].max()),
        "exact": run.exact(bits=16, sums=500),
        "untrained": analysis.carry_lens(before)["auc"].iloc[0],
        "untrained_found": analysis.automaton(before).recovered,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    print(
        f"{options.steps} steps of the default settings, seeds 0 to {options.seeds - 1}; lowest over"
        " the seeds unless said otherwise.\n"
    )
    print(
        "| unit | full adder recovered (2 states, 100%) | agreement | transplants that flip the carry"
        " | best carry AUC | all signals, shuffled labels | 16-bit sums right"
        " | untrained: best AUC (highest) | untrained: recovered |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    failed = []
    for unit in UNITS:
        rows = [row(unit, seed, options.steps) for seed in range(options.seeds)]
        low, high = np.array([r["shuffled"] for r in rows]).T
        print(
            f"| {unit} | {sum(r['recovered'] for r in rows)} of {len(rows)}"
            f" | {min(r['found'].agreement for r in rows):.3%}"
            f" | {min(r['transplant'] for r in rows):.1%}"
            f" | {min(r['auc'] for r in rows):.4f}"
            f" | {low.min():.3f} to {high.max():.3f}"
            f" | {min(r['exact'] for r in rows):.1%}"
            f" | {max(r['untrained'] for r in rows):.4f}"
            f" | {sum(r['untrained_found'] for r in rows)} of {len(rows)} |",
            flush=True,
        )
        failed += [(unit, k, r["found"].reason) for k, r in enumerate(rows) if not r["recovered"]]
    if failed:
        print("\nNot recovered:\n")
        for unit, seed, reason in failed:
            print(f"- {unit}, seed {seed}: {reason}")


if __name__ == "__main__":
    main()
