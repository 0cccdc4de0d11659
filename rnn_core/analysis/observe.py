"""A network run with all its signals kept, compiled: what every analysis looks at.

Run op by op, these small networks spend nearly all their time between the ops, and far more
where many visitors share the cores. Two programs for each shape of network serve every analysis.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from rnn_core.addition import Adder
from rnn_core.programs import Programs, compiled, signature
from rnn_core.stacks import Backward, Bidirectional
from rnn_core.unroll import Trace

#: Rows and steps that programs are compiled for: one sum as wide as a page shows it, or a block of
#: the sums an analysis draws. Wider ones get programs of their own.
ONE, MANY = (1, 72), (500, 16)

#: Apart from training's programs, so that looking at networks never evicts what trains one.
observers = Programs(limit=16)


def observe(
    model: Adder, x, *, state: Any = None, at: np.ndarray | None = None
) -> tuple[np.ndarray, Trace]:
    """``logits, trace = model(x)`` for x [B, T, 2], in NumPy; ``trace.state`` is left out.

    With ``state`` and ``at`` [B], for a plain cell: each row goes on from its row of ``state`` in
    place of its own after bit ``at``.
    """
    x = np.asarray(x, np.float32)
    count, width = x.shape[:2]
    rows, steps = ONE if count == 1 else MANY
    while steps < width:
        steps *= 4
    plain = not isinstance(model.cell, (Backward, Bidirectional))
    if state is not None and not plain:
        raise ValueError("a state can only be replaced in a cell that reads the lowest bit first")
    program = observers.get(
        (signature(model), rows, steps), lambda: _compile(model, rows, steps, plain)
    )
    pieces = []
    for start in range(0, count, rows):
        block = functools.partial(_block, start=start, rows=rows)
        given = (
            model.cell.zero_state(rows) if state is None else tf.nest.map_structure(block, state)
        )
        when = np.full(rows, -1) if at is None else block(at)
        result = program(
            model,
            tf.constant(np.pad(block(x), ((0, 0), (0, steps - width), (0, 0)))),
            tf.constant(width),
            tf.nest.map_structure(tf.convert_to_tensor, given),
            tf.constant(when, tf.int32),
        )
        pieces.append(tf.nest.map_structure(lambda v: v.numpy()[:, :width], result))
    logits, h, gates = tf.nest.map_structure(lambda *v: np.concatenate(v)[:count], *pieces)
    return logits, Trace(h, None, gates)


def warm_up(model: Adder) -> None:
    """Compile what looking at a network of this shape takes: seconds of work for each of two."""
    for count in (1, 2):
        observe(model, np.zeros((count, 2, 2)))


def _block(values, start: int, rows: int) -> np.ndarray:
    """``rows`` rows of ``values`` from ``start``; zeros stand in for those past the end."""
    values = np.asarray(values)[start : start + rows]
    return np.pad(values, ((0, rows - len(values)),) + ((0, 0),) * (values.ndim - 1))


def _compile(model: Adder, rows: int, steps: int, plain: bool):
    def run(model, x, width, state, at):
        def disturb(t, own):
            here = (at == t)[:, None]
            return tf.nest.map_structure(lambda new, old: tf.where(here, new, old), state, own)

        # Padding behind a sum can't reach a cell that reads forward; the others need lengths.
        lengths = None if plain else tf.fill([rows], width)
        logits, trace = model(x, lengths, **({"disturb": disturb} if plain else {}))
        return logits, trace.h, trace.gates

    return compiled(
        run,
        model,
        tf.zeros([rows, steps, 2]),
        tf.constant(0),
        model.cell.zero_state(rows),
        tf.zeros([rows], tf.int32),
    )
