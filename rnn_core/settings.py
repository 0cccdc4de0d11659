"""What a run of the adder depends on.

A module of its own, without TensorFlow: a page has to draw its controls from these before
TensorFlow, which takes seconds to import, is in.
"""

from __future__ import annotations

from dataclasses import dataclass

UNITS = ("rnn", "gru", "gru_no_reset", "lstm")  # the names in `cells.CELLS`
ORDERS = ("lowest_first", "highest_first", "both")
LOSSES = ("cross_entropy", "squared")
DATA = ("fresh", "fixed")
WEIGHTS = ("glorot", "small")

#: Settings that are arguments of the compiled program: they may change while a run trains. Any
#: other makes another network, hence another run.
LIVE = ("learning_rate", "noise")


@dataclass(frozen=True)
class AdditionSettings:
    """Everything a run depends on.

    unit           "rnn", "gru", "gru_no_reset" or "lstm"
    units          size of the hidden state, 1 to 64
    bits           bits of a sum, 2 to 16
    batch_size     sums a step, 1 to 1,000
    learning_rate  of Adam
    loss           "cross_entropy" on logits, in nats a bit, or "squared": the tutorial's
                   1/2 (y - bit)^2, summed over the bits, y linear in the hidden state
    noise          standard deviation of Gaussian noise added to the state after every step
                   of training; none when validating
    data           "fresh" batches at every step, or one "fixed" batch to train on and another to
                   validate with
    order          in which bits are read: "lowest_first", "highest_first" or "both"
    seed           of weights, batches and noise
    weights        "glorot" (orthogonal U), or "small": normal of sd 0.01, cut off at two sd
    """

    unit: str = "gru"
    units: int = 16
    bits: int = 5
    batch_size: int = 100
    learning_rate: float = 0.02
    loss: str = "cross_entropy"
    noise: float = 0.3
    data: str = "fresh"
    order: str = "lowest_first"
    seed: int = 0
    weights: str = "glorot"

    def __post_init__(self):
        choices = {"unit": UNITS, "loss": LOSSES, "data": DATA, "order": ORDERS}
        for name, allowed in {**choices, "weights": WEIGHTS}.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        ranges = {
            "units": (1, 64),
            "bits": (2, 16),
            "batch_size": (1, 1000),
            "seed": (0, 2**31 - 1),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name} must be an integer in [{low}, {high}], got {value!r}")
        for name, (low, high) in {"learning_rate": (0, 1), "noise": (0, 10)}.items():
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not low <= value <= high:
                raise ValueError(f"{name} must be a number in [{low}, {high}], got {value!r}")

    @classmethod
    def tutorial(cls, *, seed: int = 0) -> AdditionSettings:
        """The recipe of the 2017 tutorial (Kevin Jacobs, "Create a GRU (RNN) in TensorFlow").

        100 fixed examples, squared loss on a linear read-out, Adam at its default rate, every
        weight and bias from a normal of sd 0.01, no noise. (It computed in float64.)
        """
        return cls(
            learning_rate=0.001, loss="squared", noise=0.0, data="fixed", seed=seed, weights="small"
        )
