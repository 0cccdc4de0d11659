"""What a visitor can take along: weights, history, and a script that gives the same run."""

from __future__ import annotations

import tempfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from rnn_core.settings import AdditionSettings

if TYPE_CHECKING:
    from rnn_core.training import AdditionRun


def weights(run: AdditionRun) -> bytes:
    """model.safetensors of the network as it stands."""
    from rnn_core import checkpoint

    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(run.model, folder)
        return (Path(folder) / checkpoint.WEIGHTS).read_bytes()


def history(run: AdditionRun) -> bytes:
    return run.history.to_csv(index=False).encode()


def differences(settings: AdditionSettings, base: AdditionSettings | None = None) -> dict:
    """The fields of ``settings`` that differ from ``base`` (the defaults)."""
    base = base or AdditionSettings()
    names = [f.name for f in fields(settings)]
    return {n: getattr(settings, n) for n in names if getattr(settings, n) != getattr(base, n)}


def script(step: int, legs: list[tuple[int, AdditionSettings]]) -> str:
    """A script that trains ``step`` steps as this visit did.

    ``legs`` are (first step, settings), in order: learning rate and noise can change on the way.
    """
    first = legs[0][1]
    arguments = ", ".join(f"{k}={v!r}" for k, v in differences(first).items())
    lines = [
        '"""Carry the One: the same run again, bit for bit on the same machine."""',
        "",
        *(["from dataclasses import replace", ""] if len(legs) > 1 else []),
        "from rnn_core.training import AdditionRun, AdditionSettings",
        "",
        f"run = AdditionRun(AdditionSettings({arguments}))",
    ]
    for (start, settings), (end, later) in zip(legs, [*legs[1:], (step, None)]):
        if end > start:
            lines.append(f"run.advance({end - start})")
        if later is not None:
            change = ", ".join(f"{k}={v!r}" for k, v in differences(later, settings).items())
            lines.append(f"run.settings = replace(run.settings, {change})")
    lines += [
        "",
        "print(run.history.tail())",
        f"for bits in ({first.bits}, 64, 1000):",
        '    print(f"{bits}-bit sums: {run.exact(bits=bits):.0%} right")',
        "",
    ]
    return "\n".join(lines)
