"""Which column of a cell's weights is which gate: reading signals, and holding them.

The equations stand in `rnn_core.cells` and are not repeated here. This table says only how each
cell's fused weights are laid out, and the tests hold it to the traces the cells give.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from rnn_core.cells import GRU, LSTM, GRUNoReset, SimpleRNN
from rnn_core.stacks import Backward, Bidirectional
from rnn_core.unroll import Trace


class NotApplicable(ValueError):
    """An analysis that has no meaning for this network, with the reason."""


class Block(NamedTuple):
    """One block of H columns: ``name = squash(x W + (gate * h) U + b)``."""

    name: str
    squash: str  # "sigmoid" or "tanh"
    gate: str | None = None  # what multiplies h before U; None: nothing


#: The blocks of each cell in the order of its columns.
BLOCKS: dict[type, tuple[Block, ...]] = {
    SimpleRNN: (Block("h", "tanh"),),
    GRU: (Block("z", "sigmoid"), Block("r", "sigmoid"), Block("h_tilde", "tanh", gate="r")),
    GRUNoReset: (Block("z", "sigmoid"), Block("h_tilde", "tanh")),
    LSTM: (
        Block("i", "sigmoid"),
        Block("f", "sigmoid"),
        Block("c_tilde", "tanh"),
        Block("o", "sigmoid"),
    ),
}

#: What each cell shows of itself at every step, in the order pages show it.
SIGNALS: dict[type, tuple[str, ...]] = {
    SimpleRNN: ("h",),
    GRU: ("z", "r", "h_tilde", "h"),
    GRUNoReset: ("z", "h_tilde", "h"),
    LSTM: ("i", "f", "o", "c_tilde", "c", "h"),
}

#: The signals that are gates, from 0 to 1. All others are signed.
GATES = frozenset("zrifo")

#: The largest |h| an LSTM reaches from one step's candidate alone: o tanh(c), both at most 1.
LSTM_REACH = float(np.tanh(1.0))


class Part(NamedTuple):
    """One plain cell of a network, its reading direction, and where its units stand."""

    cell: Any
    reverse: bool
    start: int  # its first unit in the concatenated h

    @property
    def units(self) -> slice:
        return slice(self.start, self.start + self.cell.units)


def parts(cell: Any) -> list[Part]:
    """The plain cells inside ``cell``: one, or two for a `Bidirectional`.

    Raises NotApplicable for any other cell, such as a stack.
    """
    if isinstance(cell, Bidirectional):
        ahead, back = cell
        found = [Part(ahead, False, 0), Part(back, True, ahead.units)]
    elif isinstance(cell, Backward):
        found = [Part(cell.cell, True, 0)]
    else:
        found = [Part(cell, False, 0)]
    for part in found:
        if type(part.cell) not in BLOCKS:
            raise NotApplicable(
                f"the analyses take {sorted(c.__name__ for c in BLOCKS)}, read in either direction"
                f" or both, got {type(part.cell).__name__}"
            )
    if len({type(part.cell) for part in found}) > 1:
        raise NotApplicable("the two directions must be cells of one kind")
    return found


def signal_names(cell: Any) -> tuple[str, ...]:
    return SIGNALS[type(parts(cell)[0].cell)]


def signals(cell: Any, trace: Trace) -> dict[str, np.ndarray]:
    """Every signal of ``cell`` by name, [B, T, units]; both directions' units side by side."""
    found = parts(cell)
    gates = trace.gates if len(found) > 1 else (trace.gates,)
    named = {
        name: np.concatenate([np.asarray(getattr(g, name)) for g in gates], axis=-1)
        for name in gates[0]._fields
    }
    named["h"] = np.asarray(trace.h)
    return {name: named[name] for name in signal_names(cell)}


def forward_only(cell: Any, what: str) -> None:
    """Raise NotApplicable unless ``cell`` reads the lowest bit first, as a carry travels."""
    found = parts(cell)
    if len(found) > 1:
        raise NotApplicable(
            f"{what} needs one state that carries everything from bit to bit; this network reads"
            " in both directions, so no single state holds the carry."
        )
    if found[0].reverse:
        raise NotApplicable(
            f"{what} needs a network that reads the lowest bit first; this one reads the highest"
            " first, so the carry has not happened yet when it needs it."
        )


def reach(cell: Any, signal: str) -> tuple[float, float]:
    """The lowest and highest value at which `hold` can hold ``signal``."""
    if signal in GATES:
        return 0.0, 1.0
    if signal == "h" and isinstance(parts(cell)[0].cell, LSTM):
        return -LSTM_REACH, LSTM_REACH
    return -1.0, 1.0


def hold(cell: Any, signal: str, unit: int | None, value: float) -> Any:
    """The same cell with ``signal`` of ``unit`` (None: of every unit) held at ``value`` each step.

    A held block loses its weights and keeps a bias whose squash is ``value``, so that a held
    network is a network like any other. States are held through the gates that write them:

        GRU     h: z = 1, h_tilde = value
        LSTM    c: i = 1, f = 0, c_tilde = value     (so |value| is at most 1)
                h: as c with c_tilde = +-1, and o = |value| / tanh(1)

    Raises ValueError for a signal or unit the cell doesn't have or a value out of `reach`.
    """
    names, found = signal_names(cell), parts(cell)
    if signal not in names:
        raise ValueError(f"signal must be one of {list(names)}, got {signal!r}")
    if unit is not None and not 0 <= unit < cell.units:
        raise ValueError(f"unit must be in [0, {cell.units}), got {unit}")
    low, high = reach(cell, signal)
    if not low <= value <= high:
        raise ValueError(f"value of {signal} must be in [{low:.4g}, {high:.4g}], got {value}")

    held = []
    for part in found:
        if unit is None:
            held.append(_hold(part.cell, signal, np.arange(part.cell.units), value))
        elif part.start <= unit < part.units.stop:
            held.append(_hold(part.cell, signal, np.array([unit - part.start]), value))
        else:
            held.append(part.cell)
    if isinstance(cell, Bidirectional):
        return Bidirectional(*held)
    return Backward(held[0]) if isinstance(cell, Backward) else held[0]


def _hold(cell: Any, signal: str, units: np.ndarray, value: float) -> Any:
    if signal == "h" and isinstance(cell, (GRU, GRUNoReset)):
        values = {"z": 1.0, "h_tilde": value}
    elif signal == "c":
        values = {"i": 1.0, "f": 0.0, "c_tilde": value}
    elif signal == "h" and isinstance(cell, LSTM):
        sign = float(np.sign(value))
        values = {"i": 1.0, "f": 0.0, "c_tilde": sign, "o": min(abs(value) / LSTM_REACH, 1.0)}
    else:
        values = {signal: value}

    W, U, b = (weights.numpy().copy() for weights in cell)
    for k, block in enumerate(BLOCKS[type(cell)]):
        if block.name in values:
            columns = k * cell.units + units
            W[:, columns] = 0.0
            U[:, columns] = 0.0
            b[columns] = _unsquash(block.squash, values[block.name])
    return type(cell)(tf.constant(W), tf.constant(U), tf.constant(b))


def _unsquash(squash: str, value: float) -> float:
    """The bias whose squash is ``value``; 0, 1 and -1 become biases that round to them."""
    with np.errstate(divide="ignore"):
        if squash == "tanh":
            return float(np.clip(np.arctanh(value), -20.0, 20.0))
        return float(np.clip(np.log(value) - np.log1p(-value), -80.0, 80.0))
