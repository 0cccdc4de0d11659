"""One sum as a network reads it: every bit, every signal, in one record."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from rnn_core.addition import Adder, Sums, check_integer, draw, encode, from_bits, sums_of
from rnn_core.analysis.anatomy import GATES, parts, signals
from rnn_core.analysis.observe import observe


class Reading(NamedTuple):
    """A network reading one sum. Arrays are lowest bit first, whatever the reading order."""

    model: Adder
    a: int
    b: int
    x: np.ndarray  # [1, T, 2] the bits of a and b
    y: np.ndarray  # [T] the true sum's bits
    carry: np.ndarray  # [T] the true carry into each bit
    probability: np.ndarray  # [T] of a 1, as the network has it
    bits: np.ndarray  # [T] the network's bits
    signals: dict[str, np.ndarray]  # each [1, T, H]

    @property
    def truth(self) -> int:
        """a + b in as many bits as were read."""
        return from_bits(self.y)

    @property
    def total(self) -> int:
        """The sum the network gives."""
        return from_bits(self.bits)

    @property
    def wrong(self) -> list[int]:
        """The bits it has wrong."""
        return np.flatnonzero(self.bits != self.y).tolist()


def width_of(a: int, b: int) -> int:
    """Bits enough for a + b, and two at least: one more than the longer number has."""
    return max(check_integer("a", a).bit_length(), check_integer("b", b).bit_length(), 1) + 1


def read(model: Adder, a: int, b: int, *, width: int | None = None) -> Reading:
    """Let ``model`` add ``a`` and ``b`` over ``width`` bits (by default as many as needed).

    Raises ValueError if the sum doesn't fit, NotApplicable for a cell without an anatomy.
    """
    parts(model.cell)
    needed = width_of(a, b)
    width = needed if width is None else width
    if width < (a + b).bit_length():
        raise ValueError(f"width must be at least {(a + b).bit_length()}, got {width}")
    sums = sums_of(encode([(a, b)], width))
    logits, trace = observe(model, sums.x)
    return Reading(
        model=model,
        a=a,
        b=b,
        x=sums.x.numpy(),
        y=sums.y.numpy()[0],
        carry=sums.carry.numpy()[0],
        probability=model.probability(tf.constant(logits)).numpy()[0],
        bits=(logits[0] > 0).astype(np.float32),
        signals=signals(model.cell, trace),
    )


def bit_table(reading: Reading) -> pd.DataFrame:
    """One row a bit: bit, a, b, carry_in, sum, probability, network, right, carry_out."""
    a, b = reading.x[0, :, 0], reading.x[0, :, 1]
    return pd.DataFrame(
        {
            "bit": np.arange(len(a)),
            "a": a.astype(int),
            "b": b.astype(int),
            "carry_in": reading.carry.astype(int),
            "sum": reading.y.astype(int),
            "probability": reading.probability,
            "network": reading.bits.astype(int),
            "right": reading.bits == reading.y,
            "carry_out": (a + b + reading.carry >= 2).astype(int),
        }
    )


def signal_table(reading: Reading, order: list[int] | None = None) -> pd.DataFrame:
    """One row for each signal, bit and unit: signal, bit, unit, row, value, colour.

    ``order`` lists the units from top to bottom; ``row`` is a unit's place in it. ``colour`` is
    the value, or tanh(c) for the LSTM's c, which has no bounds and enters h as tanh(c).
    """
    names = list(reading.signals)
    bits, units = reading.signals[names[0]].shape[1:]
    order = list(range(units)) if order is None else list(order)
    if sorted(order) != list(range(units)):
        raise ValueError(f"order must list each of {units} units once, got {order}")
    row = np.argsort(order)
    frames = []
    for name in names:
        values = reading.signals[name][0]
        frames.append(
            pd.DataFrame(
                {
                    "signal": name,
                    "bit": np.repeat(np.arange(bits), units),
                    "unit": np.tile(np.arange(units), bits),
                    "row": np.tile(row, bits),
                    "value": values.reshape(-1),
                    "colour": (np.tanh(values) if name == "c" else values).reshape(-1),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def is_gate(signal: str) -> bool:
    """Whether ``signal`` is a gate, from 0 to 1; the others are signed."""
    return signal in GATES


def whole_state(cell: Any, values: dict[str, np.ndarray]) -> np.ndarray:
    """What a plain cell carries to the next step: h, or h and tanh(c), [B, T, H or 2H]."""
    if "c" not in values:
        return values["h"]
    return np.concatenate([values["h"], np.tanh(values["c"])], axis=-1)


def unit_labels(cell: Any) -> list[str]:
    """A name for each unit; an arrow tells which direction it reads where there are two."""
    found = parts(cell)
    if len(found) == 1:
        return [str(u) for u in range(cell.units)]
    arrows = {False: "→", True: "←"}
    return [
        f"{unit} {arrows[part.reverse]}"
        for part in found
        for unit in range(part.start, part.units.stop)
    ]


@lru_cache(maxsize=32)
def fresh(seed: int, purpose: int, count: int, bits: int) -> Sums:
    """``count`` random sums as NumPy arrays; each ``purpose`` has sums of its own.

    So no analysis scores on the sums of another. They are the same at every call, hence kept;
    whoever wants to change them takes a copy.
    """
    return Sums(*(part.numpy() for part in draw([seed, 7_000_000 + purpose], count, bits)))
