"""Cells made of cells: stacks of layers, and the orders in which a sequence is read.

Which layer feeds which, and who reads from which end, is in the type; `unroll` acts on it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


def check_rows(name: str, cell, rows: int) -> None:
    """ValueError unless ``cell`` reads an input of size ``rows``."""
    if cell.inputs != rows:
        raise ValueError(f"{name} must have {rows} rows, got {cell.inputs}")


class Stack(NamedTuple):
    """Cells on top of each other, of any kinds and depth; itself a cell."""

    cells: tuple

    @classmethod
    def init(cls, kinds, input_size: int, units: int, *, seed: int) -> Stack:
        """One cell of ``units`` units for each class in ``kinds``, each with a seed of its own."""
        seeds = np.random.SeedSequence(seed).generate_state(len(kinds))
        sizes = [input_size] + [units] * (len(kinds) - 1)
        return cls(tuple(k.init(d, units, seed=int(s)) for k, d, s in zip(kinds, sizes, seeds)))

    def check(self) -> None:
        for k in range(1, len(self.cells)):
            check_rows(f"cells.{k}.W", self.cells[k], self.cells[k - 1].units)

    @property
    def inputs(self) -> int:
        return self.cells[0].inputs

    @property
    def units(self) -> int:
        return self.cells[-1].units

    def zero_state(self, batch) -> tuple:
        return tuple(cell.zero_state(batch) for cell in self.cells)

    def wire(self, x, layer):
        """What feeds what, in one place for one step and for whole sequences.

        ``layer(k, x) -> h`` runs layer k; each reads the layer beneath, the last is read out.
        """
        for k in range(len(self.cells)):
            x = layer(k, x)
        return x

    def step(self, x, state):
        states, gates = [], []

        def layer(k, x):
            h, s, g = self.cells[k].step(x, state[k])
            states.append(s)
            gates.append(g)
            return h

        h = self.wire(x, layer)
        return h, tuple(states), tuple(gates)


class SkipStack(NamedTuple):
    """A stack with skip connections (Graves 2013, arXiv 1308.0850).

    Every layer but the first reads [x, h of the layer beneath]; all layers are read out.
    """

    cells: tuple

    @classmethod
    def init(cls, kinds, input_size: int, units: int, *, seed: int) -> SkipStack:
        seeds = np.random.SeedSequence(seed).generate_state(len(kinds))
        sizes = [input_size] + [input_size + units] * (len(kinds) - 1)
        return cls(tuple(k.init(d, units, seed=int(s)) for k, d, s in zip(kinds, sizes, seeds)))

    def check(self) -> None:
        for k in range(1, len(self.cells)):
            rows = self.inputs + self.cells[k - 1].units
            check_rows(f"cells.{k}.W", self.cells[k], rows)

    @property
    def units(self) -> int:
        return sum(cell.units for cell in self.cells)

    def wire(self, x, layer):
        h = [layer(0, x)]
        for k in range(1, len(self.cells)):
            h.append(layer(k, tf.concat([x, h[-1]], axis=-1)))
        return tf.concat(h, axis=-1)

    inputs, zero_state, step = Stack.inputs, Stack.zero_state, Stack.step


class Bidirectional(NamedTuple):
    """Two cells, one reading from each end (Schuster & Paliwal 1997); see `unroll`.

    It has no `step`: at a step the backward half is not known yet.
    """

    forward: Any
    backward: Any

    def check(self) -> None:
        check_rows("backward.W", self.backward, self.forward.inputs)

    @property
    def inputs(self) -> int:
        return self.forward.inputs

    @property
    def units(self) -> int:
        return self.forward.units + self.backward.units

    def zero_state(self, batch) -> tuple:
        return self.forward.zero_state(batch), self.backward.zero_state(batch)


class Backward(NamedTuple):
    """A cell that reads from the end of a sequence; see `unroll`. Like `Bidirectional`, no `step`."""

    cell: Any

    @property
    def inputs(self) -> int:
        return self.cell.inputs

    @property
    def units(self) -> int:
        return self.cell.units

    def zero_state(self, batch):
        return self.cell.zero_state(batch)
