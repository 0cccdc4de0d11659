"""The one loop over time: lengths, reversal, both directions, stacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from rnn_core.stacks import Backward, Bidirectional, SkipStack, Stack


class Trace(NamedTuple):
    """What a cell did over a sequence.

    ``h`` [B, T, H] is the output at each step, ``state`` the state after each row's last step,
    ``gates`` the cell's gates with every field [B, T, H] (a tuple of them, one a layer, for a
    `Stack`; forward and backward for a `Bidirectional`), or None where they were not kept.
    ``layers`` are the outputs of a stack's layers, each [B, T, H], the lowest first.
    """

    h: tf.Tensor
    state: Any
    gates: Any
    layers: tuple = ()


def unroll(
    cell: Any,
    x: tf.Tensor,
    *,
    lengths: tf.Tensor | None = None,
    reverse: bool = False,
    state: Any = None,
    keep_gates: bool = True,
    disturb: Callable[[tf.Tensor, Any], Any] | None = None,
    between: Callable[[int, tf.Tensor], tf.Tensor] | None = None,
    inline: bool = False,
) -> Trace:
    """Run ``cell`` over ``x`` [B, T, D] from ``state`` (zeros if None).

    ``lengths`` [B]: a row's state stands still past its length, so padding can't change a
    result; its outputs and gates there are 0. ``reverse`` reads each row from its own end;
    outputs stay at their input's place. ``disturb(t, state)`` replaces the state after step t
    (noise in training, a clamp in an experiment), a `Bidirectional` may be given a pair of them;
    ``between(k, x)`` replaces the input of a stack's layer k (dropout). T may be unknown when
    traced; the loop is one graph node however long the sequence. ``inline`` writes the loop out
    instead, one copy of a step after the other: a few steps then run sooner and compile later,
    and T must be known.
    """
    if x.shape.rank != 3:
        raise ValueError(f"x must be [batch, time, input], got shape {x.shape}")
    if lengths is not None:
        lengths = tf.cast(lengths, tf.int32)
        if lengths.shape.rank != 1:
            raise ValueError(f"lengths must be [batch], got shape {lengths.shape}")
    if isinstance(cell, Backward):
        cell, reverse = cell.cell, not reverse
    if reverse:
        x = flip(x, lengths)
    if state is None:
        state = cell.zero_state(tf.shape(x)[0] if x.shape[0] is None else x.shape[0])
    options = dict(
        lengths=lengths, keep_gates=keep_gates, disturb=disturb, between=between, inline=inline
    )

    if isinstance(cell, Bidirectional):
        pair = disturb if isinstance(disturb, tuple) else (disturb, disturb)
        ahead = unroll(cell.forward, x, state=state[0], **{**options, "disturb": pair[0]})
        back = unroll(
            cell.backward, x, state=state[1], reverse=True, **{**options, "disturb": pair[1]}
        )
        trace = Trace(
            tf.concat([ahead.h, back.h], axis=-1),
            (ahead.state, back.state),
            (ahead.gates, back.gates) if keep_gates else None,
        )
    elif isinstance(cell, (Stack, SkipStack)):
        traces: list[Trace] = []

        def layer(k, x):
            x = between(k, x) if between else x
            traces.append(unroll(cell.cells[k], x, state=state[k], **options))
            return traces[-1].h

        h = cell.wire(x, layer)
        trace = Trace(
            h,
            tuple(t.state for t in traces),
            tuple(t.gates for t in traces) if keep_gates else None,
            tuple(t.h for t in traces),
        )
    else:
        trace = _loop(cell, x, state, lengths, keep_gates, disturb, inline)

    if reverse:
        trace = trace._replace(
            h=flip(trace.h, lengths),
            layers=tuple(flip(h, lengths) for h in trace.layers),
            gates=tf.nest.map_structure(lambda g: flip(g, lengths), trace.gates)
            if keep_gates
            else None,
        )
    return trace


def flip(x: tf.Tensor, lengths: tf.Tensor | None) -> tf.Tensor:
    """Reverse ``x`` [B, T, ...] in time, each row within its own length."""
    return tf.reverse(x, [1]) if lengths is None else tf.reverse_sequence(x, lengths, 1, 0)


def last(trace: Trace, lengths: tf.Tensor | None = None) -> tf.Tensor:
    """The output at each row's last step: [B, H]."""
    if lengths is None:
        return trace.h[:, -1]
    return tf.gather(trace.h, tf.cast(lengths, tf.int32) - 1, axis=1, batch_dims=1)


def mean(trace: Trace, lengths: tf.Tensor | None = None) -> tf.Tensor:
    """The mean output over each row's true length: [B, H]."""
    if lengths is None:
        return tf.reduce_mean(trace.h, axis=1)
    mask = tf.sequence_mask(lengths, tf.shape(trace.h)[1], trace.h.dtype)[:, :, None]
    return tf.reduce_sum(trace.h * mask, axis=1) / tf.reduce_sum(mask, axis=1)


def _loop(cell, x, state, lengths, keep_gates, disturb, inline) -> Trace:
    # Time first; of x, which is smaller than its projection.
    p = cell.project(tf.transpose(x, [1, 0, 2]))  # [T, B, blocks * H]
    recur = cell.recurrence()

    def step(t, p, state):
        """One step: the state after it, and what is kept of it."""
        h, new, gates = recur(p, state)
        if disturb is not None:
            new = disturb(t, new)
        kept = (h, gates) if keep_gates else (h,)
        if lengths is not None:
            alive = (t < lengths)[:, None]
            new = tf.nest.map_structure(lambda n, old: tf.where(alive, n, old), new, state)
            kept = tf.nest.map_structure(lambda v: tf.where(alive, v, 0.0), kept)
        return new, kept

    if inline:
        if not p.shape[0]:
            raise ValueError(f"inline needs a known number of steps, got x of shape {x.shape}")
        rows = []
        for t, p_t in enumerate(tf.unstack(p)):
            state, kept = step(t, p_t, state)
            rows.append(kept)
        stacked = tf.nest.map_structure(lambda *values: tf.stack(values, axis=1), *rows)
        return Trace(stacked[0], state, stacked[1] if keep_gates else None)

    steps = tf.shape(p)[0]
    # Asked for its shapes alone, so that a sequence of no steps has an answer too.
    h, _, gates = recur(tf.zeros(tf.shape(p)[1:]), state)
    kept = (h, gates) if keep_gates else (h,)
    arrays = tf.nest.map_structure(
        lambda t: tf.TensorArray(t.dtype, size=steps, element_shape=t.shape), kept
    )

    def body(t, state, arrays):
        state, kept = step(t, p[t], state)
        arrays = tf.nest.map_structure(lambda a, value: a.write(t, value), arrays, kept)
        return t + 1, state, arrays

    _, state, arrays = tf.while_loop(
        lambda t, *_: t < steps,
        body,
        (0, state, arrays),
        maximum_iterations=steps,
    )
    stacked = tf.nest.map_structure(lambda a: tf.transpose(a.stack(), [1, 0, 2]), arrays)
    return Trace(stacked[0], state, stacked[1] if keep_gates else None)
