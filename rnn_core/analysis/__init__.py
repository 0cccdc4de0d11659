"""What the gates mean: see a network at work on one sum, then test what its signals do.

    read, equations                one sum: every bit, every signal, every term
    carry_lens, appearance         which signal tells the carry, and since when
    clamp, transplant              experiments: hold a signal, move a state
    automaton, state_space         the machine inside, and the shape of its memory

All take an `Adder` and draw their own fresh sums from a seed. The reading order stands in the type
of its cell; what has no meaning for an order raises `NotApplicable`, which says why.
"""

from rnn_core.analysis.anatomy import NotApplicable, hold, reach, signal_names, signals
from rnn_core.analysis.equations import Line, Term, equations
from rnn_core.analysis.experiments import (
    clamp,
    clamped,
    donor,
    transplant,
    transplant_one,
    transplants,
)
from rnn_core.analysis.lens import TELLS, appearance, auc, carry_lens, first_over, unit_order
from rnn_core.analysis.machine import Automaton, automaton, full_adder, share
from rnn_core.analysis.observe import warm_up
from rnn_core.analysis.reading import Reading, bit_table, is_gate, read, signal_table, unit_labels
from rnn_core.analysis.space import Space, path, state_space

__all__ = [
    "TELLS",
    "Automaton",
    "Line",
    "NotApplicable",
    "Reading",
    "Space",
    "Term",
    "appearance",
    "auc",
    "automaton",
    "bit_table",
    "carry_lens",
    "clamp",
    "clamped",
    "donor",
    "equations",
    "first_over",
    "full_adder",
    "hold",
    "is_gate",
    "path",
    "reach",
    "read",
    "share",
    "signal_names",
    "signal_table",
    "signals",
    "state_space",
    "transplant",
    "transplant_one",
    "transplants",
    "unit_labels",
    "unit_order",
    "warm_up",
]
