"""One unit at one bit: its equations with the numbers that were really in them.

Nothing is computed forward again. Each term is a weight times a value from the trace, and the
result beside their sum is the trace's own: that the two agree is what the tests check.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnn_core.analysis.anatomy import BLOCKS, LSTM, SimpleRNN, parts
from rnn_core.analysis.reading import Reading


class Term(NamedTuple):
    """One product, ``left * right``; ``right`` is None for a value that stands alone."""

    kind: str  # "input", "recurrent", "others", "bias" or "blend"
    text: str
    left: float
    right: float | None
    value: float


class Line(NamedTuple):
    """``name = squash(sum of terms)``, or just the sum where ``squash`` is None."""

    name: str
    form: str  # the equation in the code's symbols
    terms: tuple[Term, ...]
    squash: str | None
    total: float  # the sum of the terms
    result: float  # what the trace says

    @property
    def gap(self) -> float:
        """How far the squashed sum of the terms is from the trace."""
        squashed = {"sigmoid": lambda s: 1 / (1 + np.exp(-s)), "tanh": np.tanh, None: float}
        return abs(float(squashed[self.squash](self.total)) - self.result)


def equations(reading: Reading, bit: int, unit: int, *, largest: int = 3) -> list[Line]:
    """Every equation of ``unit`` at ``bit`` (0 is the lowest) of the sum in ``reading``.

    The ``largest`` recurrent terms by size are named, the rest stand as one. Raises ValueError
    for a bit or unit that is not there.
    """
    model, signals = reading.model, reading.signals
    bits = reading.x.shape[1]
    if not 0 <= bit < bits:
        raise ValueError(f"bit must be in [0, {bits}), got {bit}")
    if not 0 <= unit < model.cell.units:
        raise ValueError(f"unit must be in [0, {model.cell.units}), got {unit}")

    part = next(p for p in parts(model.cell) if p.start <= unit < p.units.stop)
    cell, own = part.cell, unit - part.start
    W, U, b = (weights.numpy().astype(np.float64) for weights in cell)
    x = reading.x[0, bit].astype(np.float64)
    now = {name: values[0, bit, part.units].astype(np.float64) for name, values in signals.items()}
    before = _before(reading, bit, part)

    lines = []
    for k, block in enumerate(BLOCKS[type(cell)]):
        column = k * cell.units + own
        source = before["h"] if block.gate is None else now[block.gate] * before["h"]
        symbol = "h" if block.gate is None else f"({block.gate} * h)"
        sub = "" if len(BLOCKS[type(cell)]) == 1 else f"_{block.name.replace('_tilde', '')}"
        terms = [
            Term("input", name, x[d], W[d, column], x[d] * W[d, column])
            for d, name in enumerate("ab")
        ]
        terms += _recurrent(symbol, source, U[:, column], part.start, largest)
        terms.append(Term("bias", "bias", b[column], None, b[column]))
        total = sum(term.value for term in terms)
        form = f"{block.squash}(x W{sub} + {symbol} U{sub} + b{sub})"
        lines.append(
            Line(block.name, form, tuple(terms), block.squash, total, now[block.name][own])
        )
    return lines + _blends(
        cell, {n: v[own] for n, v in now.items()}, {n: v[own] for n, v in before.items()}
    )


def _before(reading: Reading, bit: int, part) -> dict[str, np.ndarray]:
    """h (and c) as they were when this step began: zeros at the end where reading starts."""
    previous = bit + 1 if part.reverse else bit - 1
    inside = 0 <= previous < reading.x.shape[1]
    return {
        name: reading.signals[name][0, previous, part.units].astype(np.float64)
        if inside
        else np.zeros(part.cell.units)
        for name in ("h", "c")
        if name in reading.signals
    }


def _recurrent(symbol, source, weights, start, largest) -> list[Term]:
    products = source * weights
    named = np.argsort(-np.abs(products), kind="stable")[:largest]
    terms = [
        Term("recurrent", f"{symbol}[{start + j}]", source[j], weights[j], products[j])
        for j in named
    ]
    rest = len(products) - len(named)
    if rest:
        value = products.sum() - products[named].sum()
        terms.append(Term("others", f"{rest} more of {symbol}", value, None, value))
    return terms


def _blends(cell, now: dict[str, float], before: dict[str, float]) -> list[Line]:
    """How the gates make the new state out of the old: products of traced values only."""

    def line(name, form, *products):
        terms = tuple(Term("blend", text, p, q, p * q) for text, p, q in products)
        return Line(name, form, terms, None, sum(term.value for term in terms), now[name])

    if isinstance(cell, SimpleRNN):
        return []
    if isinstance(cell, LSTM):
        return [
            line(
                "c",
                "f * c + i * c_tilde",
                ("f * c", now["f"], before["c"]),
                ("i * c_tilde", now["i"], now["c_tilde"]),
            ),
            line("h", "o * tanh(c)", ("o * tanh(c)", now["o"], np.tanh(now["c"]))),
        ]
    return [
        line(
            "h",
            "(1 - z) * h + z * h_tilde",
            ("(1 - z) * h", 1 - now["z"], before["h"]),
            ("z * h_tilde", now["z"], now["h_tilde"]),
        )
    ]
