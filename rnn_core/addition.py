"""Binary addition: integers, bits, batches, carries, and the network that adds.

Bits stand lowest first everywhere in this module: x [B, T, 2] holds bit t of both numbers at
x[:, t]. The order in which a network *reads* them is in the type of its cell: a plain cell starts
at the lowest bit, `Backward` at the highest, `Bidirectional` reads from both ends. Sums of T bits
are drawn as the 2017 tutorial draws them: two numbers of T - 1 bits, so that their sum fits.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from rnn_core import checkpoint
from rnn_core.cells import CELLS, glorot, matmul
from rnn_core.programs import compiled, programs, signature
from rnn_core.settings import ORDERS
from rnn_core.stacks import Backward, Bidirectional
from rnn_core.unroll import Trace, unroll

#: Sums to judge by are kept where they have no more bits than this, all together.
KEPT = 2**17

# ---------------------------------------------------------------- integers and bits


def check_integer(name: str, value: Any) -> int:
    """``value`` as a Python int; ValueError if it is not a whole number of at least 0."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be an integer, got {value!r}")
    if number < 0:
        raise ValueError(f"{name} must be at least 0, got {number}")
    return number


def to_bits(number: int, width: int) -> np.ndarray:
    """The ``width`` bits of ``number``, lowest first: float32 [width]. Any width."""
    number = check_integer("number", number)
    if number.bit_length() > width:
        raise ValueError(f"number must fit in {width} bits, got one of {number.bit_length()} bits")
    raw = np.frombuffer(number.to_bytes((width + 7) // 8, "little"), np.uint8)
    return np.unpackbits(raw, bitorder="little")[:width].astype(np.float32)


def from_bits(bits) -> int:
    """The integer whose bits, lowest first, are ``bits`` [width]. Any width."""
    bits = np.asarray(bits)
    if bits.ndim != 1 or not np.isin(bits, (0, 1)).all():
        raise ValueError(f"bits must be a row of zeros and ones, got {bits!r}")
    return int.from_bytes(np.packbits(bits.astype(np.uint8), bitorder="little"), "little")


def encode(pairs, width: int) -> np.ndarray:
    """Pairs of integers -> x [B, width, 2]."""
    return np.stack([np.stack([to_bits(a, width), to_bits(b, width)], -1) for a, b in pairs])


class Sums(NamedTuple):
    """A batch of sums. All are zeros and ones, float32, lowest bit first."""

    x: tf.Tensor  # [B, T, 2] the two numbers
    y: tf.Tensor  # [B, T] their sum
    carry: tf.Tensor  # [B, T] the carry into each bit


def sums_of(x) -> Sums:
    """Add x [B, T, 2] exactly; a carry out of the last bit is dropped.

        sum   = a xor b xor carry
        carry = a and b, or (a xor b) and the carry before

    The recurrence is solved in log2 T doublings (Kogge & Stone 1973), T known.
    """
    x = tf.convert_to_tensor(x, tf.float32)
    a, b = x[..., 0], x[..., 1]
    half = tf.abs(a - b)
    generate, propagate = a * b, half
    reach = 1
    while reach < x.shape[1]:
        earlier = [[0, 0], [reach, 0]]
        generate = generate + propagate * tf.pad(generate[:, :-reach], earlier)
        propagate = propagate * tf.pad(propagate[:, :-reach], earlier)
        reach *= 2
    carry = tf.pad(generate[:, :-1], [[0, 0], [1, 0]])
    return Sums(x, tf.abs(half - carry), carry)


def draw(seed, count: int, bits: int) -> Sums:
    """``count`` random sums of ``bits`` bits; ``seed`` is two integers, tensors or not."""
    if bits < 2:
        raise ValueError(f"bits must be at least 2, got {bits}")
    low = tf.random.stateless_uniform([count, bits - 1, 2], seed, 0, 2, tf.int32)
    return sums_of(tf.pad(tf.cast(low, tf.float32), [[0, 0], [0, 1], [0, 0]]))


# ---------------------------------------------------------------- the network


@checkpoint.known
class Readout(NamedTuple):
    """Logistic read-out: logit = h W + b, and the bit is 1 with probability sigmoid(logit)."""

    W: tf.Tensor  # [H, 1]
    b: tf.Tensor  # [1]

    def logits(self, h):
        return (matmul(h, self.W) + self.b)[..., 0]

    def probability(self, logits):
        return tf.sigmoid(logits)

    def check(self) -> None:
        check_readout(self)


@checkpoint.known
class LinearReadout(NamedTuple):
    """The tutorial's read-out: y = h W + b aims at the bit itself, which is 1 where y > 1/2.

    logit = y - 1/2, so that the bit is 1 where the logit is positive, as in `Readout`.
    """

    W: tf.Tensor  # [H, 1]
    b: tf.Tensor  # [1]

    def logits(self, h):
        return (matmul(h, self.W) + self.b)[..., 0] - 0.5

    def probability(self, logits):
        return tf.clip_by_value(logits + 0.5, 0.0, 1.0)

    def check(self) -> None:
        check_readout(self)


def check_readout(readout) -> None:
    if len(readout.W.shape) != 2 or readout.W.shape[1] != 1:
        raise ValueError(f"W must have shape [H, 1], got {list(readout.W.shape)}")
    if list(readout.b.shape) != [1]:
        raise ValueError(f"b must have shape [1], got {list(readout.b.shape)}")


@checkpoint.known
class Adder(NamedTuple):
    """A recurrent cell and a read-out at every bit: ``logits, trace = model(x, lengths)``."""

    cell: Any
    readout: Any

    @classmethod
    def init(
        cls, unit: str = "gru", units: int = 16, *, order: str = "lowest_first", seed: int
    ) -> Adder:
        """Glorot-uniform W, orthogonal U, zero bias (the LSTM's forget bias 1)."""
        if unit not in CELLS:
            raise ValueError(f"unit must be one of {sorted(CELLS)}, got {unit!r}")
        if order not in ORDERS:
            raise ValueError(f"order must be one of {list(ORDERS)}, got {order!r}")
        ahead, back, out = (int(s) for s in np.random.SeedSequence(seed).generate_state(3))
        cell = CELLS[unit].init(2, units, seed=ahead)
        if order == "highest_first":
            cell = Backward(cell)
        elif order == "both":
            cell = Bidirectional(cell, CELLS[unit].init(2, units, seed=back))
        W = glorot(np.random.default_rng(out), cell.units, 1)
        return cls(cell, Readout(tf.constant(W), tf.zeros([1])))

    def __call__(self, x, lengths=None, **options) -> tuple[tf.Tensor, Trace]:
        """x [B, T, 2] -> logits [B, T], trace. ``lengths`` [B] and ``options``: see `unroll`."""
        trace = unroll(self.cell, tf.convert_to_tensor(x, tf.float32), lengths=lengths, **options)
        return self.readout.logits(trace.h), trace

    def probability(self, logits):
        """The probability of a 1 that the read-out gives; over 1/2 where the logit is positive."""
        return self.readout.probability(logits)

    def check(self) -> None:
        """ValueError if read-out and cell do not fit, naming the field."""
        if self.readout.W.shape[0] != self.cell.units:
            raise ValueError(
                f"readout.W must have {self.cell.units} rows, one for each unit of the cell,"
                f" got {self.readout.W.shape[0]}"
            )


# ---------------------------------------------------------------- what it computes

#: Rows and steps that programs are compiled for: inputs are padded up to one of these.
ROWS, STEPS, STEPS_GROW = (1, 100), 64, 16


def forward(model: Adder, x, lengths=None) -> np.ndarray:
    """The logits [B, T] of ``model`` on x [B, T, 2], compiled; 0 past ``lengths`` [B].

    T is padded to 64, 1,024, 16,384, ... and B to 1 or blocks of 100, so that a model's shape
    needs at most a handful of programs whatever is asked of it.
    """
    x = np.asarray(x, np.float32)
    count, width = x.shape[:2]
    lengths = np.full(count, width, np.int32) if lengths is None else np.asarray(lengths, np.int32)
    rows = ROWS[0] if count == 1 else ROWS[1]
    steps = STEPS
    while steps < width:
        steps *= STEPS_GROW
    program = programs.get(
        ("logits", signature(model), rows, steps), lambda: _compile_logits(model, rows, steps)
    )
    logits = []
    for start in range(0, count, rows):
        block = x[start : start + rows]
        spare = rows - len(block)
        logits.append(
            program(
                model,
                tf.constant(np.pad(block, ((0, spare), (0, steps - width), (0, 0)))),
                tf.constant(np.pad(lengths[start : start + rows], (0, spare))),
            ).numpy()[: len(block), :width]
        )
    return np.concatenate(logits) if logits else np.zeros((0, width), np.float32)


def _compile_logits(model: Adder, rows: int, steps: int):
    def logits(model, x, lengths):
        mask = tf.sequence_mask(lengths, steps)
        return tf.where(mask, model(x, lengths, keep_gates=False)[0], 0.0)

    return compiled(logits, model, tf.zeros([rows, steps, 2]), tf.zeros([rows], tf.int32))


def exact_accuracy(model: Adder, *, bits: int, sums: int = 100, seed: int = 0) -> float:
    """The share of ``sums`` random sums of ``bits`` bits that come out wholly right."""
    batch = exact_sums(seed, sums, bits)
    right = (forward(model, batch.x) > 0) == (batch.y > 0.5)
    return float(right.all(axis=1).mean())


def exact_sums(seed: int, sums: int, bits: int) -> Sums:
    """The sums on which `exact_accuracy` judges, as NumPy arrays that must not be changed."""
    if sums < 1:
        raise ValueError(f"sums must be at least 1, got {sums}")
    # Drawing takes as long as judging, and a run is judged on the same sums again and again.
    found = _kept_sums if sums * bits <= KEPT else _kept_sums.__wrapped__
    return found(seed, sums, bits)


@lru_cache(maxsize=32)
def _kept_sums(seed: int, sums: int, bits: int) -> Sums:
    return Sums(*(part.numpy() for part in draw([seed, bits], sums, bits)))


class Sum(NamedTuple):
    """One sum as a network works it out; the arrays are [T], lowest bit first."""

    a: int
    b: int
    total: int  # the network's sum
    truth: int  # a + b
    a_bits: np.ndarray
    b_bits: np.ndarray
    carry: np.ndarray  # the true carry into each bit
    true_bits: np.ndarray  # of a + b
    bits: np.ndarray  # the network's
    probability: np.ndarray  # of a 1, as the network has it

    @property
    def right(self) -> bool:
        return self.total == self.truth


def work_out(model: Adder, a: int, b: int, *, width: int | None = None) -> Sum:
    """Let ``model`` add two integers of any size, and keep every bit of it.

    ``width`` is by default one bit more than the longer number has, so that the sum fits.
    """
    a, b = check_integer("a", a), check_integer("b", b)
    width = max(a.bit_length(), b.bit_length()) + 1 if width is None else width
    if (a + b).bit_length() > width:
        raise ValueError(f"width must be at least {(a + b).bit_length()} for this sum, got {width}")
    batch = sums_of(encode([(a, b)], width))
    logits = forward(model, batch.x)[0]
    bits = (logits > 0).astype(np.int8)
    return Sum(
        a=a,
        b=b,
        total=from_bits(bits),
        truth=a + b,
        a_bits=batch.x[0, :, 0].numpy().astype(np.int8),
        b_bits=batch.x[0, :, 1].numpy().astype(np.int8),
        carry=batch.carry[0].numpy().astype(np.int8),
        true_bits=to_bits(a + b, width).astype(np.int8),
        bits=bits,
        probability=model.probability(logits).numpy(),
    )


def add(model: Adder, a: int, b: int) -> int:
    """a + b as ``model`` has it."""
    return work_out(model, a, b).total
