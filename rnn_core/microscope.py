"""What was sampled, looked at closely: the odds of one character, and neurons over a text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from rnn_core.language import CharLM, surprisals
from rnn_core.text import VOCABULARY
from rnn_core.writing import Written, name_of


def odds(written: Written, k: int) -> pd.DataFrame:
    """Every character that could have come at place ``k``, the likeliest after temperature first.

    Columns: rank; char, name; raw, tempered, kept (the three distributions of `Completion`);
    inside (of the nucleus); start, end (its stretch of the cumulative bar, nan where cut); landed
    (the random number lies there); chosen (it came, or was forced).
    """
    c = written.completion
    order = np.argsort(-c.tempered[k], kind="stable")
    kept = c.kept[k][order]
    end = np.cumsum(kept)
    inside = kept > 0
    chosen = order == c.ids[k]
    if k in written.forced:
        # As in sampling.choose: the first whose stretch ends past the number, else the last.
        last = np.count_nonzero(inside) - 1
        landed = np.arange(len(order)) == min(np.count_nonzero(end <= c.draw[k]), last)
    else:
        landed = chosen
    chars = [VOCABULARY[i] for i in order]
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "char": chars,
            "name": [name_of(char) for char in chars],
            "raw": c.raw[k][order],
            "tempered": c.tempered[k][order],
            "kept": kept,
            "inside": inside,
            "start": np.where(inside, end - kept, np.nan),
            "end": np.where(inside, end, np.nan),
            "landed": landed,
            "chosen": chosen,
        }
    )


def leading(table: pd.DataFrame, count: int = 24) -> pd.DataFrame:
    """The first ``count`` rows of `odds`, then one row that sums the others up.

    The chosen character is always among the rows, in the last one's stead if it must.
    """
    top = table["rank"] <= count
    if not table.chosen[top].any():
        top = (table["rank"] < count) | table.chosen
    rest = table[~top]
    if rest.empty:
        return table
    sums = rest[["raw", "tempered", "kept"]].sum()
    other = {
        "rank": len(table) + 1,
        "char": "",
        "name": f"{len(rest)} others",
        **sums,
        "inside": bool(rest.inside.any()),
        "landed": bool(rest.landed.any()),
        "chosen": False,
    }
    return pd.concat([table[top], pd.DataFrame([other])], ignore_index=True)


class Moment(NamedTuple):
    """One character's way through the sampler, in numbers."""

    before: str  # all that the model had read
    came: str  # the character that came or was forced
    landed: str  # the one that the random number chose
    forced: bool
    raw: float
    tempered: float
    kept: float  # 0 where it was cut
    rank: int
    nucleus: int  # characters in it
    mass: float  # their odds after temperature, before renormalising
    draw: float
    start: float  # of the stretch that the number landed on
    end: float
    bits: float


def moment(written: Written, k: int) -> Moment:
    c, table = written.completion, odds(written, k)
    came, landed = table[table.chosen].iloc[0], table[table.landed].iloc[0]
    return Moment(
        c.prefix + c.text[:k],
        came["char"],
        landed["char"],
        k in written.forced,
        float(came.raw),
        float(came.tempered),
        float(came.kept),
        int(came["rank"]),
        int(table.inside.sum()),
        float(table.tempered[table.inside].sum()),
        float(c.draw[k]),
        float(landed.start),
        float(landed.end),
        float(c.surprisal[k]),
    )


class Neurons(NamedTuple):
    """Every neuron after every character of a line."""

    line: str
    layers: tuple[dict[str, np.ndarray], ...]  # by signal: [len(line), H]

    @property
    def depth(self) -> int:
        return len(self.layers)

    def units(self, layer: int) -> pd.DataFrame:
        """Columns unit and sd (of its h over the line), the most varying first."""
        sd = self.layers[layer]["h"].std(axis=0)
        order = np.argsort(-sd, kind="stable")
        return pd.DataFrame({"unit": order, "sd": sd[order]})

    def neuron(self, layer: int, unit: int) -> pd.DataFrame:
        """One row a character and signal: position, char, name, signal, value, shown.

        ``shown`` is the value on the signal's fixed domain: itself for h, candidates (-1 to 1)
        and gates (0 to 1); tanh(c) for the cell state, which has no bound.
        """
        frames = [
            pd.DataFrame(
                {
                    "position": np.arange(len(self.line)),
                    "char": list(self.line),
                    "name": [name_of(char) for char in self.line],
                    "signal": signal,
                    "value": values[:, unit],
                    "shown": np.tanh(values[:, unit]) if signal == "c" else values[:, unit],
                }
            )
            for signal, values in self.layers[layer].items()
        ]
        return pd.concat(frames, ignore_index=True)


def neurons(model: CharLM, line: str) -> Neurons:
    """Run ``model`` over ``line``; what it holds after each character, layer by layer."""
    trace = surprisals(model, line)[1]
    layers, gates = (trace.layers, trace.gates) if trace.layers else ((trace.h,), (trace.gates,))
    # Step t of the trace predicts character t: what followed upon reading it is step t + 1.
    after = slice(1, len(line) + 1)
    return Neurons(
        line,
        tuple(
            {n: v[0].numpy()[after] for n, v in {"h": h, **g._asdict()}.items()}
            for h, g in zip(layers, gates)
        ),
    )
