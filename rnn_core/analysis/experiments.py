"""Experiments on a network: hold a signal, or move a state from one sum to another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from rnn_core.addition import Adder, encode, exact_sums, forward, from_bits, sums_of
from rnn_core.analysis.anatomy import forward_only, hold
from rnn_core.analysis.observe import observe
from rnn_core.analysis.reading import Reading, fresh
from rnn_core.cells import LSTM, LSTMState
from rnn_core.unroll import Trace


def clamped(model: Adder, signal: str, unit: int | None, value: float) -> Adder:
    """``model`` with a signal of one unit (None: of all) held at ``value``; see `hold`."""
    return model._replace(cell=hold(model.cell, signal, unit, value))


def clamp(
    model: Adder,
    signal: str,
    unit: int | None,
    value: float,
    *,
    widths: Sequence[int] = (5, 16, 64),
    sums: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """Exact-sum accuracy with and without a clamp, by width: bits, before, after.

    Both columns are of the same ``sums`` fresh random sums. Raises ValueError for a signal, unit
    or value that `hold` refuses.
    """
    held = clamped(model, signal, unit, value)
    widths = tuple(widths)
    batches = [exact_sums(seed, sums, bits) for bits in widths]
    widest = max(widths)
    # All widths in one batch, each row as long as its own.
    x, y = (
        np.concatenate(
            [
                np.pad(v, ((0, 0), (0, widest - v.shape[1])) + ((0, 0),) * (v.ndim - 2))
                for v in parts
            ]
        )
        for parts in zip(*((batch.x, batch.y) for batch in batches))
    )
    lengths = np.repeat(widths, sums)
    inside = np.arange(widest) < lengths[:, None]
    shares = [
        (((forward(network, x, lengths) > 0) == (y > 0.5)) | ~inside)
        .all(axis=1)
        .reshape(len(widths), sums)
        .mean(axis=1)
        for network in (model, held)
    ]
    return pd.DataFrame({"bits": widths, "before": shares[0], "after": shares[1]})


def transplant(model: Adder, *, pairs: int = 500, bits: int = 8, seed: int = 0) -> float:
    """The share of `transplants` after which the rest of the sum came out with the carry flipped."""
    return float(transplants(model, pairs=pairs, bits=bits, seed=seed)["success"].mean())


def transplants(model: Adder, *, pairs: int = 500, bits: int = 8, seed: int = 0) -> pd.DataFrame:
    """An interchange intervention (Geiger et al. 2021, arXiv 2106.02997) on ``pairs`` fresh pairs.

    Each pair is two random sums and a bit after which their carries differ. The state that the
    second sum left there replaces the first's, which then reads on. If the state is the carry and
    nothing but the carry, every later bit of the first sum comes out as if its carry had been
    flipped: ``success``. ``before`` is the same judged without moving anything (it is 0 for an
    exact adder, since the true carry was the other). Columns: bit, carry, before, success.

    Raises NotApplicable unless the network reads the lowest bit first.
    """
    forward_only(model.cell, "A transplant")
    drawn = draw_pairs(pairs, bits, seed)
    return pd.DataFrame(
        {
            "bit": drawn.at,
            "carry": drawn.carry.astype(int),
            "before": drawn.flipped(observe(model, drawn.x)[0]),
            "success": moved(model, drawn, observe(model, drawn.giver)[1]),
        }
    )


def moved(model: Adder, pairs: Pairs, given: Trace) -> np.ndarray:
    """Whether a pair's first sum goes on as wanted from the state that its giver's trace holds: [B]."""
    state = state_after(model, given, pairs.at)
    return pairs.flipped(observe(model, pairs.x, state=state, at=pairs.at)[0])


class Pairs(NamedTuple):
    """Pairs of sums and a bit after which their carries differ."""

    x: np.ndarray  # [B, T, 2] the sums that get a state
    giver: np.ndarray  # [B, T, 2] the sums that give it
    at: np.ndarray  # [B] the bit
    carry: np.ndarray  # [B] the carry out of it in x
    wanted: np.ndarray  # [B, T] the bits of x behind it, had that carry been the other one

    def flipped(self, logits: np.ndarray) -> np.ndarray:
        """Whether all bits behind it are as wanted in ``logits`` [B, T]: [B]."""
        later = np.arange(logits.shape[1]) > self.at[:, None]
        return (((logits > 0) == self.wanted) | ~later).all(axis=1)


@lru_cache(maxsize=8)
def draw_pairs(pairs: int, bits: int, seed: int) -> Pairs:
    if bits < 3:
        raise ValueError(f"bits must be at least 3, got {bits}")
    if pairs < 1:
        raise ValueError(f"pairs must be at least 1, got {pairs}")
    rng = np.random.default_rng([seed, pairs, bits])
    x, giver = fresh(seed, 3, pairs, bits).x, fresh(seed, 4, pairs, bits).x.copy()
    carry, given = after(x), after(giver)
    # A pair whose carries never differ (few) gets a giver that generates at bit 0 where the
    # receiver kills, or the other way round.
    same = ~(carry != given)[:, : bits - 1].any(axis=1)
    giver[same, 0] = 1 - carry[same, :1]
    weight = (carry != after(giver))[:, : bits - 1] * rng.random((pairs, bits - 1))
    at = weight.argmax(axis=1)
    own = carry[np.arange(pairs), at]
    return Pairs(x, giver, at, own, expected(x, at, 1 - own))


def transplant_one(reading: Reading, a: int, b: int, bit: int) -> pd.DataFrame:
    """Put the state of the sum ``a`` + ``b`` after ``bit`` into the sum in ``reading``.

    One row a bit: bit, a, b, network (as it was), moved (after the transplant), wanted (the true sum
    with the carry that the donor's state stands for), right (moved is as wanted), later (whether
    the bit lies behind the transplant; before it ``wanted`` has no meaning).
    """
    model, x = reading.model, reading.x
    forward_only(model.cell, "A transplant")
    bits = x.shape[1]
    if not 0 <= bit < bits - 1:
        raise ValueError(f"bit must be in [0, {bits - 1}), so that bits are left, got {bit}")
    giver = encode([(a, b)], bits)
    at = np.array([bit])
    carry = after(giver)[:, bit]
    state = state_after(model, observe(model, giver)[1], at)
    moved = observe(model, x, state=state, at=at)[0][0] > 0
    wanted = expected(x, at, carry)[0]
    return pd.DataFrame(
        {
            "bit": np.arange(bits),
            "a": x[0, :, 0].astype(int),
            "b": x[0, :, 1].astype(int),
            "network": reading.bits.astype(int),
            "moved": moved.astype(int),
            "wanted": wanted.astype(int),
            "right": moved == wanted,
            "later": np.arange(bits) > bit,
        }
    )


def donor(reading: Reading, bit: int, *, seed: int = 0) -> tuple[int, int]:
    """Two random numbers, as wide as the sum in ``reading``, whose carry out of ``bit`` differs from its."""
    bits = reading.x.shape[1]
    if not 0 <= bit < bits - 1:
        raise ValueError(f"bit must be in [0, {bits - 1}), so that bits are left, got {bit}")
    x = fresh(seed, 8, 64, bits).x
    found = np.flatnonzero(after(x)[:, bit] != after(reading.x)[0, bit])
    if len(found):
        x = x[found[:1]]
    else:
        x = x[:1].copy()
        x[0, bit] = 1 - after(reading.x)[0, bit]
    return from_bits(x[0, :, 0]), from_bits(x[0, :, 1])


def after(x: np.ndarray) -> np.ndarray:
    """The carry out of each bit of x [B, T, 2]: [B, T]."""
    return (x.sum(axis=-1) + sums_of(x).carry.numpy() >= 2).astype(np.float32)


def expected(x: np.ndarray, at: np.ndarray, carry: np.ndarray) -> np.ndarray:
    """The true sums of x [B, T, 2], had the carry out of bit ``at`` [B] been ``carry`` [B].

    Bits up to ``at`` have no meaning in the result [B, T] of bool.
    """
    x = x.copy()
    # Two ones generate a carry and two zeros kill it, whatever came before.
    x[np.arange(len(x)), at] = carry[:, None]
    return sums_of(x).y.numpy() > 0.5


def state_after(model: Adder, trace: Trace, at: np.ndarray) -> Any:
    """The state of a plain cell that each row of ``trace`` had after bit ``at`` [B]."""
    rows = np.arange(len(at))
    h = trace.h[rows, at]
    return LSTMState(h, trace.gates.c[rows, at]) if isinstance(model.cell, LSTM) else h
