"""What a network can do, in numbers for a reader: exact sums by width, and one sum bit by bit."""

from __future__ import annotations

import time

import pandas as pd

from rnn_core.addition import Adder, Sum, exact_accuracy

#: Widths that a network is tried on, in bits, beside the one it was trained on.
WIDTHS = (5, 8, 16, 32, 64, 128, 256, 512, 1000)
#: Sums a width: wide sums cost more, so there are fewer of them past 64 bits.
SUMS, WIDE_SUMS, WIDE = 500, 100, 64


class Measurement:
    """Exact sums by width of one model at one step, worked out width by width.

    ``model`` is a tuple that nothing changes, so training may go on while it is measured.
    """

    def __init__(self, model: Adder, *, bits: int, step: int, seed: int = 1):
        if bits < 2:
            raise ValueError(f"bits must be at least 2, got {bits}")
        self.model, self.bits, self.step, self.seed = model, bits, step, seed
        self._left = sorted({*WIDTHS, bits})
        self._rows: list[tuple[int, int, int]] = []

    @property
    def done(self) -> bool:
        return not self._left

    def advance_for(self, seconds: float) -> bool:
        """Measure one width at least, then more while ``seconds`` last; whether all are done."""
        end = time.perf_counter() + seconds
        while self._left:
            bits = self._left.pop(0)
            sums = SUMS if bits <= WIDE else WIDE_SUMS
            share = exact_accuracy(self.model, bits=bits, sums=sums, seed=self.seed)
            self._rows.append((bits, round(share * sums), sums))
            if time.perf_counter() >= end:
                break
        return self.done

    def right(self, bits: int) -> tuple[int, int]:
        """(sums wholly right, sums tried) at this width; KeyError where it is not measured."""
        return {row[0]: row[1:] for row in self._rows}[bits]

    def solved(self, bits: int) -> bool:
        """Whether every sum of this width came out right."""
        right, sums = self.right(bits)
        return right == sums

    @property
    def table(self) -> pd.DataFrame:
        """One row a width: bits, right, sums, exact (the share), trained (whether on this)."""
        table = pd.DataFrame(self._rows, columns=["bits", "right", "sums"])
        return table.assign(exact=table.right / table.sums, trained=table.bits == self.bits)


def bit_table(result: Sum) -> pd.DataFrame:
    """One row a bit, lowest first: bit, a, b, carry, true, network, probability, wrong."""
    return pd.DataFrame(
        {
            "bit": range(len(result.bits)),
            "a": result.a_bits,
            "b": result.b_bits,
            "carry": result.carry,
            "true": result.true_bits,
            "network": result.bits,
            "probability": result.probability,
            "wrong": result.bits != result.true_bits,
        }
    )
