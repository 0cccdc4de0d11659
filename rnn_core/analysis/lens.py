"""The carry lens: which signal of which unit tells the carry, and when in training it began to."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import tensorflow as tf

from rnn_core.addition import Adder, Sums, sums_of
from rnn_core.analysis.anatomy import NotApplicable, forward_only, signals
from rnn_core.analysis.experiments import draw_pairs, moved
from rnn_core.analysis.observe import observe
from rnn_core.analysis.reading import fresh
from rnn_core.unroll import Trace

#: A signal is said to tell the carry from this AUC on.
TELLS = 0.99


def auc(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The chance that a value where the label is 1 is over one where it is 0; ties count half.

    values [N, K], labels [N] of 0 and 1 -> [K]: the Mann-Whitney U statistic over n1 n0
    (Hanley & McNeil 1982). nan if a label never occurs.
    """
    labels = np.asarray(labels, bool)
    ones, zeros = int(labels.sum()), int((~labels).sum())
    if not ones or not zeros:
        return np.full(values.shape[1], np.nan)
    ranks = pd.DataFrame(values).rank().to_numpy()
    return (ranks[labels].sum(0) - ones * (ones + 1) / 2) / (ones * zeros)


def remote(x: np.ndarray) -> np.ndarray:
    """Where x [B, T, 2] has a != b at this bit and at the one before: [B, T] of bool.

    There the carry comes from two or more bits away, so that the bits being read do not tell it.
    """
    propagate = x[..., 0] != x[..., 1]
    return propagate & np.pad(propagate[:, :-1], ((0, 0), (1, 0)))


def carry_lens(model: Adder, *, sums: int = 500, bits: int = 8, seed: int = 0) -> pd.DataFrame:
    """How well every signal of every unit tells the true carry: signal, unit, auc, shuffled_auc, sign.

    Scored on ``sums`` fresh random sums of ``bits`` bits, only at bits the carry travels to
    from two or more bits away (see `remote`). ``sign`` (+1: high where there is a carry) is
    chosen on as many other sums, so ``auc`` is at 1/2 on average for a signal that knows nothing,
    and ``shuffled_auc`` is the same with the carries of the scored bits shuffled. Best first.
    """
    if bits < 3:
        raise ValueError(f"bits must be at least 3 for a carry to travel, got {bits}")
    if sums < 10:
        raise ValueError(f"sums must be at least 10, got {sums}")
    batch = fresh(seed, 1, 2 * sums, bits)
    _, trace = observe(model, batch.x)
    return _score(model, trace, batch, seed)


def _score(model: Adder, trace: Trace, batch: Sums, seed: int) -> pd.DataFrame:
    """The lens on a batch that was read already: its first half chooses signs, the second scores."""
    found = signals(model.cell, trace)
    x, carry = batch.x, batch.carry
    where = remote(x)
    choose, score = where.copy(), where.copy()
    choose[len(x) // 2 :], score[: len(x) // 2] = False, False

    values = np.concatenate(list(found.values()), axis=-1)
    sign = np.where(auc(values[choose], carry[choose]) >= 0.5, 1, -1)
    shuffled = np.random.default_rng(seed).permutation(carry[score])
    raw, raw_shuffled = auc(values[score], carry[score]), auc(values[score], shuffled)
    units = model.cell.units
    table = pd.DataFrame(
        {
            "signal": np.repeat(list(found), units),
            "unit": np.tile(np.arange(units), len(found)),
            "auc": np.where(sign > 0, raw, 1 - raw),
            "shuffled_auc": np.where(sign > 0, raw_shuffled, 1 - raw_shuffled),
            "sign": sign,
        }
    )
    return table.sort_values("auc", ascending=False, kind="stable", ignore_index=True)


def unit_order(lens: pd.DataFrame) -> list[int]:
    """The units, those that know most of the carry (by their best signal) first."""
    return lens.drop_duplicates("unit")["unit"].tolist()


def appearance(
    snapshots: Iterable[tuple[int, Adder]], *, sums: int = 200, bits: int = 8, seed: int = 0
) -> pd.DataFrame:
    """When the carry appeared: step, auc (of the best signal), exact, transplant, a row a snapshot.

    On ``sums`` pairs of sums: ``exact`` is the share of all of them that are wholly right,
    ``transplant`` the share of pairs in which a transplant flips the carry, nan where it doesn't
    apply.
    """
    pairs = draw_pairs(sums, bits, seed)
    batch = Sums(*(v.numpy() for v in sums_of(np.concatenate([pairs.x, pairs.giver]))))
    rows = []
    for step, model in snapshots:
        logits, trace = observe(model, batch.x)
        best = _score(model, trace, batch, seed)["auc"].iloc[0]
        exact = ((logits > 0) == (batch.y > 0.5)).all(axis=1).mean()
        try:
            forward_only(model.cell, "A transplant")
            given = tf.nest.map_structure(lambda v: v[sums:], trace._replace(state=()))
            success = moved(model, pairs, given).mean()
        except NotApplicable:
            success = np.nan
        rows.append((int(step), float(best), float(exact), float(success)))
    return pd.DataFrame(rows, columns=["step", "auc", "exact", "transplant"])


def first_over(table: pd.DataFrame, column: str, level: float) -> int | None:
    """The first step from which ``column`` of an `appearance` table stays at ``level`` or over."""
    below = np.flatnonzero(~(table[column] >= level).to_numpy())
    start = below[-1] + 1 if len(below) else 0
    return int(table["step"].iloc[start]) if start < len(table) else None
