"""The automaton inside: hidden states quantised, their transitions tabled, the table minimised.

After Omlin & Giles 1996, "Extraction of rules from discrete-time recurrent neural networks". The
machine is built on one set of random sums and judged on another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from rnn_core.addition import Adder
from rnn_core.analysis.anatomy import forward_only, signals
from rnn_core.analysis.observe import observe
from rnn_core.analysis.reading import fresh, whole_state

#: The four inputs a step can have, in the order of their columns everywhere here.
INPUTS = ((0, 0), (0, 1), (1, 0), (1, 1))

#: The true full adder: [carry, input] -> next carry, bit.
ADDER_NEXT = np.array([[0, 0, 0, 1], [0, 1, 1, 1]])
ADDER_BIT = np.array([[0, 1, 1, 0], [1, 0, 0, 1]])

#: How finely states are quantised, coarse first. Cells that behave alike merge again.
FINENESS = (2, 4, 8, 16, 32)

#: About as many states as the centres are found from; all are sorted into them.
QUANTISED = 2000


class Automaton(NamedTuple):
    """A finite machine read off a network; state 0 is the start.

    ``transitions`` has one row for each state and input: state, a, b, next, bit, count (how often it
    was seen; next and bit are -1 where never). ``agreement`` is the share of ``steps`` fresh steps
    at which the machine, run on its own from the start, wrote the network's bit and was in the state
    the network was in. ``recovered`` only if that is all of them and the machine is the full
    adder; ``reason`` says it in words either way.
    """

    states: int
    transitions: pd.DataFrame
    agreement: float
    recovered: bool
    reason: str
    steps: int


class _Steps(NamedTuple):
    """What a network did at each step of many sums."""

    state: np.ndarray  # [B, T + 1, D], the state before the first step first
    input: np.ndarray  # [B, T] index into INPUTS
    bit: np.ndarray  # [B, T] the network's bit


def automaton(model: Adder, *, sums: int = 500, bits: int = 16, seed: int = 0) -> Automaton:
    """The finite machine inside ``model``, from ``sums`` random sums, judged on as many fresh ones.

    Raises NotApplicable unless the network reads the lowest bit first.
    """
    forward_only(model.cell, "The automaton")
    if sums < 1:
        raise ValueError(f"sums must be at least 1, got {sums}")
    seen = _run(model, fresh(seed, 5, sums, bits).x)
    judged = _run(model, fresh(seed, 6, sums, bits).x)
    points = seen.state.reshape(-1, seen.state.shape[-1])
    points = points[:: max(1, len(points) // QUANTISED)]
    best = None
    for cells in FINENESS:
        centres = quantise(points, cells)
        machine = _machine(seen, centres)
        consistent = _agreement(machine, seen)
        if best is None or consistent > best[0]:
            best = consistent, machine
        if consistent == 1.0:
            break
    consistent, machine = best
    return _judge(machine, consistent, judged)


def _run(model: Adder, x: np.ndarray) -> _Steps:
    logits, trace = observe(model, x)
    state = whole_state(model.cell, signals(model.cell, trace))
    start = np.zeros_like(state[:, :1])
    index = (2 * x[..., 0] + x[..., 1]).astype(int)
    return _Steps(np.concatenate([start, state], axis=1), index, (logits > 0).astype(int))


# ---------------------------------------------------------------- quantise


def quantise(points: np.ndarray, cells: int, *, rounds: int = 10) -> np.ndarray:
    """At most ``cells`` centres [K, D] of points [N, D]: k-means (Lloyd 1982).

    It starts from points each farthest from those before, so it needs no random numbers. Points in
    fewer places than ``cells`` give fewer centres.
    """
    centres = points[:1]
    distance = np.square(points - centres[0]).sum(-1)
    while len(centres) < cells and distance.max() > 1e-10:
        centres = np.concatenate([centres, points[[distance.argmax()]]])
        distance = np.minimum(distance, np.square(points - centres[-1]).sum(-1))
    for _ in range(rounds):
        label = nearest(points, centres)
        member = (label[:, None] == np.arange(len(centres))).astype(points.dtype)
        count = member.sum(0)
        moved = _dot(member.T, points)[count > 0] / count[count > 0, None]
        if moved.shape == centres.shape and np.allclose(moved, centres, atol=1e-6):
            break
        centres = moved
    return centres


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b without BLAS, whose threads wait for each other where cores are shared."""
    return np.einsum("...i,ij->...j", a, b)


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The index of the centre nearest to each point: [..., D] -> [...]."""
    # |p - c|^2 without the |p|^2 that is the same for all centres
    return (np.square(centres).sum(-1) - 2 * _dot(points, centres.T)).argmin(-1)


# ---------------------------------------------------------------- table, minimise


class _Machine(NamedTuple):
    centres: np.ndarray  # [K, D]
    block: np.ndarray  # [K] the machine's state that each centre belongs to
    next: np.ndarray  # [S, 4], -1 where never seen
    bit: np.ndarray  # [S, 4], -1 where never seen
    count: np.ndarray  # [S, 4]


def _machine(seen: _Steps, centres: np.ndarray) -> _Machine:
    """The majority's table over the centres, minimised, with the start as state 0."""
    label = nearest(seen.state, centres)
    before, after, K = label[:, :-1], label[:, 1:], len(centres)
    follow, written = tally(before, seen.input, after, K), tally(before, seen.input, seen.bit, K, 2)
    count = written.sum(-1)
    block = minimise(
        np.where(count > 0, follow.argmax(-1), -1), np.where(count > 0, written.argmax(-1), -1)
    )
    # Voted again over whole blocks: their members' rare transitions no longer stand alone.
    S = block.max() + 1
    follow = tally(block[before], seen.input, block[after], S)
    written = tally(block[before], seen.input, seen.bit, S, 2)
    count = written.sum(-1)
    next_, bit = (np.where(count > 0, v.argmax(-1), -1) for v in (follow, written))
    order = _breadth_first(next_, block[label[0, 0]])
    rank = np.argsort(order)
    return _Machine(
        centres,
        rank[block],
        np.where(next_ >= 0, rank[next_], -1)[order],
        bit[order],
        count[order],
    )


def tally(state, index, outcome, states: int, outcomes: int | None = None) -> np.ndarray:
    """How often each state and input had each outcome: [states, 4, outcomes]."""
    outcomes = states if outcomes is None else outcomes
    flat = (state * 4 + index) * outcomes + outcome
    return np.bincount(flat.reshape(-1), minlength=states * 4 * outcomes).reshape(
        states, 4, outcomes
    )


def minimise(next_: np.ndarray, bit: np.ndarray) -> np.ndarray:
    """The block [K] of each state of a Mealy machine: states in one block can't be told apart.

    next_, bit [K, inputs], -1 for a transition that is not known. Partition refinement (Moore 1956): blocks
    by what they write, split until all members of a block go to the same blocks.
    """
    block = np.unique(bit, axis=0, return_inverse=True)[1].reshape(-1)
    while True:
        going = np.where(next_ >= 0, block[next_], -1)
        finer = np.unique(np.column_stack([block, going]), axis=0, return_inverse=True)[1]
        finer = finer.reshape(-1)
        if finer.max() == block.max():
            return finer
        block = finer


def _breadth_first(next_: np.ndarray, start: int) -> np.ndarray:
    """All states in the order a walk from ``start`` meets them; those it never meets last."""
    order = [int(start)]
    for state in order:
        order += [int(n) for n in dict.fromkeys(next_[state]) if n >= 0 and n not in order]
    return np.array(order + [s for s in range(len(next_)) if s not in order])


# ---------------------------------------------------------------- judge


def _agreement(machine: _Machine, steps: _Steps) -> float:
    """The share of steps at which the machine, run on its own, wrote the bit and was in the state."""
    truth = machine.block[nearest(steps.state, machine.centres)]
    state = np.zeros(len(steps.bit), int)
    agree = np.zeros(steps.bit.shape, bool)
    alive = np.ones(len(steps.bit), bool)
    for t in range(steps.bit.shape[1]):
        here = steps.input[:, t]
        wrote, state = machine.bit[state, here], machine.next[state, here]
        alive &= state >= 0  # a row that met an unknown transition is lost from there on
        agree[:, t] = alive & (wrote == steps.bit[:, t]) & (state == truth[:, t + 1])
        state = np.maximum(state, 0)
    return float(agree.mean())


def first_difference(next_: np.ndarray, bit: np.ndarray) -> str | None:
    """How a Mealy machine [S, 4] differs from the full adder, in words; None if it is the same."""
    frontier, met = [(0, 0)], {(0, 0)}
    for state, carry in frontier:
        for k, (a, b) in enumerate(INPUTS):
            if bit[state, k] < 0:
                return f"what it does with {a} + {b} in state S{state} was never seen"
            if bit[state, k] != ADDER_BIT[carry, k]:
                return (
                    f"in state S{state}, with carry {carry}, it writes {bit[state, k]} for"
                    f" {a} + {b} where the adder writes {ADDER_BIT[carry, k]}"
                )
            pair = int(next_[state, k]), int(ADDER_NEXT[carry, k])
            if pair not in met:
                met.add(pair)
                frontier.append(pair)
    return None


def _judge(machine: _Machine, consistent: float, judged: _Steps) -> Automaton:
    states, steps = len(machine.next), judged.bit.size
    agreement = _agreement(machine, judged)
    difference = first_difference(machine.next, machine.bit)
    recovered = consistent == agreement == 1.0 and difference is None
    count = f"{states} state{'s' if states > 1 else ''}"
    fit = f"agrees on {share(agreement)} of {steps:,} fresh steps"
    if recovered:
        reason = f"{count}, {fit}, and it is the full adder."
    elif difference is None:
        where = f"{steps - round(agreement * steps):,} of {steps:,} fresh steps"
        if agreement == 1.0:
            where = f"{share(1 - consistent)} of the steps it was built on"
        reason = (
            f"the best machine, of {count}, is the full adder, but the network departs from it"
            f" at {where}."
        )
    elif agreement < 1.0 or consistent < 1.0:
        reason = (
            f"no quantisation into at most {FINENESS[-1]} cells gives one outcome for each state and"
            f" input; the best machine found, of {count}, {fit}."
        )
    else:
        reason = f"a machine of {count} {fit}, but it is not the full adder: {difference}."
    transitions = _table(machine.next, machine.bit).assign(count=machine.count.reshape(-1))
    return Automaton(states, transitions, agreement, recovered, reason, steps)


def full_adder() -> pd.DataFrame:
    """The true full adder's transitions, as `Automaton` has them: the state is the carry."""
    return _table(ADDER_NEXT, ADDER_BIT)


def _table(next_: np.ndarray, bit: np.ndarray) -> pd.DataFrame:
    state, column = np.divmod(np.arange(next_.size), len(INPUTS))
    a, b = np.array(INPUTS)[column].T
    return pd.DataFrame(
        {"state": state, "a": a, "b": b, "next": next_.reshape(-1), "bit": bit.reshape(-1)}
    )


def share(value: float) -> str:
    """A share as a percentage that says 100 or 0 only where it is exactly so."""
    if value in (0.0, 1.0):
        return f"{value:.0%}"
    return f"{np.clip(100 * value, 0.1, 99.9):.1f}%"
