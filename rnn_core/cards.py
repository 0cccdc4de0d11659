"""What a model's folder says about it, without loading it (and without TensorFlow)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

METRICS = "metrics.json"


class Card(NamedTuple):
    """Figures from ``metrics.json``; None where the folder has none."""

    held_out: float | None  # bits per character on headlines the model never saw
    trouble: str = ""  # what is wrong with metrics.json, naming file and field


def read_card(folder) -> Card:
    """The card of the model in ``folder``. A missing metrics.json is no trouble, a damaged one is."""
    path = Path(folder) / METRICS
    try:
        metrics = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Card(None)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        return Card(None, f"{path}: not readable as JSON ({error})")
    if not isinstance(metrics, dict):
        return Card(None, f"{path}: expected an object, got {type(metrics).__name__}")
    bits = metrics.get("bits_per_char")
    held_out = bits.get("test") if isinstance(bits, dict) else None
    if not isinstance(held_out, (int, float)) or not math.isfinite(held_out):
        return Card(None, f"{path}: field 'bits_per_char.test' must be a number, got {held_out!r}")
    return Card(float(held_out))
