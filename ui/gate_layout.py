"""Where every cell of the Gates page's chart stands and what it shows: rows, in pixels.

DataFrame -> DataFrame; `gate_charts` draws them. No Streamlit, no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from ui import palette

TITLES = {
    "z": "z · update gate: near 0 keeps the old state",
    "r": "r · reset gate: near 0 hides the old state",
    "h_tilde": "h̃ · candidate",
    "h": "h · state after the bit",
    "i": "i · input gate",
    "f": "f · forget gate: near 1 keeps c",
    "o": "o · output gate",
    "c_tilde": "c̃ · candidate",
    "c": "c · cell state, coloured by tanh(c)",
}

SYMBOLS = {"h_tilde": "h̃", "c_tilde": "c̃"}

#: Rows of the sum: column of the bit table, label.
SUM_ROWS = (
    ("carry_in", "carry in"),
    ("a", "a"),
    ("b", "b"),
    ("sum", "true sum"),
    ("probability", "P(1)"),
    ("network", "network"),
)
TRANSPLANT_ROWS = (
    ("a", "a"),
    ("b", "b"),
    ("network", "before"),
    ("moved", "after"),
    ("wanted", "flipped carry"),
)
SUM_ROW, TITLE_ROW, GAP = 21, 22, 8
#: Pixels for each heatmap, at least for two of them; the least and most for one unit's row.
HEAT, LEAST, MOST = 130, 3, 18

ON_LIGHT = "#2b2f36"

# One colour scale for all cells. Each family of values has a range of its own on it: states and
# candidates lie in [-1, 1], gates and probabilities are moved to [3, 4], digits to 6 and 7.
GATE_AT, DIGIT_AT = 3, 6


class Layout(NamedTuple):
    """Where the rows of the big chart lie: all in pixels from its top."""

    cells: pd.DataFrame
    titles: pd.DataFrame
    labels: pd.DataFrame
    height: float

    @property
    def datasets(self) -> dict[str, pd.DataFrame]:
        return {"cells": self.cells, "titles": self.titles, "labels": self.labels}


def sum_cells(
    bits: pd.DataFrame, ink: str, rows: Sequence[tuple[str, str]] = SUM_ROWS
) -> pd.DataFrame:
    """Rows of digits from a bit table: one cell for each bit and each row of the sum.

    ``ink`` is the theme's text colour, for digits that stand on the background itself.
    """
    frames = []
    checked = "moved" if "moved" in bits else "network"
    for k, (column, label) in enumerate(rows):
        values = bits[column].astype(float)
        share = column == "probability"
        frames.append(
            pd.DataFrame(
                {
                    "panel": label,
                    "bit": bits["bit"],
                    "unit": -1 - k,
                    "value": values,
                    "shade": values + (GATE_AT if share else DIGIT_AT),
                    "text": [_share(v) if share else f"{v:.0f}" for v in values],
                    "ink": [
                        palette.ON_BIT_1 if v > 0.5 else ON_LIGHT if share else ink for v in values
                    ],
                    "wrong": (~bits["right"]) & (column == checked),
                    "y0": k * SUM_ROW,
                    "y1": (k + 1) * SUM_ROW - 2,
                    "ty": 0.0,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _share(value: float) -> str:
    return "1" if value > 0.995 else "0" if value < 0.005 else f"{value:.2f}"[1:]


def lay_out(
    bits: pd.DataFrame,
    signals: pd.DataFrame,
    gates: Sequence[str],
    labels: Sequence[str],
    ink: str,
    *,
    heat: float = HEAT,
) -> Layout:
    """The sum above its heatmaps, each of about ``heat`` pixels.

    ``gates`` names the signals from 0 to 1, ``labels`` the units.
    """
    names = list(dict.fromkeys(signals["signal"]))
    units = len(labels)
    row = max(LEAST, min(MOST, heat * max(len(names), 2) / max(1, len(names) * units)))
    frames, titles = [sum_cells(bits, ink)], []
    marks = _sum_marks(SUM_ROWS)
    size = max(8, min(11, row))
    top = float(len(SUM_ROWS) * SUM_ROW)
    for name in names:
        cells = signals[signals["signal"] == name]
        title = top + TITLE_ROW / 2 + 2
        titles.append({"text": TITLES[name], "ty": title, "ink": ink})
        top += TITLE_ROW
        y0 = top + cells["row"] * row
        frames.append(
            pd.DataFrame(
                {
                    "panel": name,
                    "bit": cells["bit"],
                    "unit": cells["unit"],
                    "value": cells["value"],
                    "shade": cells["colour"] + (GATE_AT if name in gates else 0),
                    "text": "",
                    "ink": ink,
                    "wrong": False,
                    "y0": y0,
                    "y1": y0 + row - (1 if row >= 6 else 0),
                    "ty": title,
                }
            )
        )
        if row >= 8:
            first = cells[cells["bit"] == cells["bit"].iloc[0]]
            marks += [
                (labels[unit], top + (place + 0.5) * row, size)
                for place, unit in zip(first["row"], first["unit"])
            ]
        else:
            marks.append((f"{units} units", top + units * row / 2, 11))
        top += units * row + GAP
    cells = pd.concat(frames, ignore_index=True)
    floats = ["value", "shade", "y0", "y1", "ty"]
    cells[floats] = cells[floats].astype("float32")
    return Layout(
        cells, pd.DataFrame(titles, columns=["text", "ty", "ink"]), _labels(marks, ink), top
    )


def lay_out_strip(table: pd.DataFrame, bit: int, ink: str) -> Layout:
    """The sum before and after a transplant behind ``bit``; see `transplant_one`."""
    cells = sum_cells(table, ink, TRANSPLANT_ROWS)
    # Before the transplant there is nothing to expect of the bits.
    idle = cells["panel"].eq("flipped carry") & cells["bit"].le(bit)
    return Layout(
        cells[~idle],
        pd.DataFrame(columns=["text", "ty", "ink"]),
        _labels(_sum_marks(TRANSPLANT_ROWS), ink),
        len(TRANSPLANT_ROWS) * SUM_ROW,
    )


def _sum_marks(rows: Sequence[tuple[str, str]]) -> list[tuple[str, float, float]]:
    return [(label, (k + 0.5) * SUM_ROW - 1, 11) for k, (_, label) in enumerate(rows)]


def _labels(marks: list[tuple[str, float, float]], ink: str) -> pd.DataFrame:
    return pd.DataFrame(marks, columns=["text", "ly", "size"]).assign(ink=ink)


def picked_rows(layout: Layout, bit: int, unit: int) -> pd.DataFrame:
    """Where the picked cell lies in every heatmap."""
    cells = layout.cells
    return cells[(cells["bit"] == bit) & (cells["unit"] == unit)][["bit", "y0", "y1"]]
