"""DataFrame -> Vega-Lite for the Gates page; no Streamlit, no TensorFlow.

The sum and its heatmaps are one single view whose rows are laid out here, in pixels: so their
columns can't come apart, the chart fills any width, and one hover serves all panels in the browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import altair as alt
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
#: A bit's column is at most this wide; under the lesser one the chart scrolls sideways.
WIDEST, NARROWEST = 96, 12
LABELS = 74

#: The colour of what is hovered or picked, legible on every cell colour and both backgrounds.
PICKED = "#b8860b"

#: A cell that holds a 0: a tint on whatever is behind it.
BIT_0 = "rgba(133, 139, 149, 0.16)"

ON_LIGHT = "#2b2f36"
INK = alt.Color("ink:N", scale=None, legend=None)

# One colour scale for all cells. Each family of values has a range of its own on it: states and
# candidates lie in [-1, 1], gates and probabilities are moved to [3, 4], digits to 6 and 7.
GATE_AT, DIGIT_AT = 3, 6


def _stops(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * k / (count - 1) for k in range(count)]


SHADES = alt.Scale(
    domain=[
        *_stops(*palette.STATE_DOMAIN, len(palette.STATES)),
        *_stops(GATE_AT, GATE_AT + 1, len(palette.GATES)),
        DIGIT_AT,
        DIGIT_AT + 1,
    ],
    range=[*palette.STATES, *palette.GATES, BIT_0, palette.BIT_1],
    interpolate="rgb",
)


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


@lru_cache(maxsize=256)
def sum_spec(height: float, bits: int, *, written: bool, hover: bool = True) -> dict:
    """The specification of the big chart, without its rows.

    ``height`` is the layout's. Datasets: cells, titles, labels, picked. Selections: ``hover`` stays in the browser, ``pick`` goes to
    the server.
    """
    spec_height = round(height)
    x = alt.X(
        "bit:O",
        sort="descending" if written else "ascending",
        title="bit, highest first" if written else "bit, lowest first",
        scale=alt.Scale(paddingInner=0.04 if bits <= 24 else 0.02, paddingOuter=0),
        axis=alt.Axis(
            orient="top",
            titleAnchor="start",
            labelAngle=0,
            labelOverlap=True,
            labelPadding=3,
            ticks=False,
            domain=False,
        ),
    )
    y = alt.Y(
        "y0:Q",
        title=None,
        scale=alt.Scale(domain=[0, spec_height], reverse=True, nice=False, zero=False),
        # Without labels of its own: Vega drops axis labels as close as these. It keeps their room.
        axis=alt.Axis(
            labels=False, minExtent=LABELS, maxExtent=LABELS, ticks=False, domain=False, grid=False
        ),
    )
    cells = alt.Chart(alt.NamedData("cells"))
    hovered = alt.selection_point(
        "hover", fields=["bit", "unit"], on="pointerover", clear="pointerout", empty=False
    )
    pick = alt.selection_point("pick", fields=["bit", "unit"], on="click", clear=False, empty=False)
    color = alt.Color("shade:Q", scale=SHADES, legend=None)
    rects = cells.mark_rect(cornerRadius=1, tooltip=None).encode(x, y, alt.Y2("y1:Q"), color)
    layers = [rects.add_params(hovered, pick) if hover else rects]
    if bits <= 24:
        small = 9 if bits > 16 else 11
        layers.append(
            cells.transform_filter("datum.text != '' && !datum.wrong")
            .transform_calculate(middle="(datum.y0 + datum.y1) / 2")
            .mark_text(fontSize=small, baseline="middle", dy=0.5)
            .encode(x, alt.Y("middle:Q"), text="text:N", color=INK)
        )
    wrong = cells.transform_filter("datum.wrong").transform_calculate(
        middle="(datum.y0 + datum.y1) / 2"
    )
    layers += [
        wrong.mark_rect(
            fill=palette.WRONG_CELL, fillOpacity=1, strokeWidth=2, stroke=palette.WRONG
        ).encode(x, alt.Y("y0:Q"), alt.Y2("y1:Q")),
        wrong.mark_point(
            shape=palette.CROSS, size=60, strokeWidth=2.5, color=palette.WRONG, opacity=1
        ).encode(x, alt.Y("middle:Q")),
    ]
    layers.append(
        alt.Chart(alt.NamedData("labels"))
        .mark_text(align="right", baseline="middle")
        .encode(
            x=alt.value(-7),
            y=alt.Y("ly:Q"),
            text="text:N",
            size=alt.Size("size:Q", scale=None, legend=None),
            color=INK,
        )
    )
    titles = alt.Chart(alt.NamedData("titles"))
    layers.append(
        titles.mark_text(align="left", baseline="middle", fontSize=12).encode(
            x=alt.value(0), y=alt.Y("ty:Q"), text="text:N", color=INK
        )
    )
    if hover:
        layers += [
            cells.transform_filter("datum.unit == -1")
            .transform_filter("isValid(hover.bit) && hover.bit[0] === datum.bit")
            .mark_rect(filled=False, stroke=palette.MARKER, strokeWidth=1, strokeOpacity=0.8)
            .encode(x, y=alt.value(-1), y2=alt.value(spec_height)),
            cells.transform_filter("datum.unit >= 0")
            .transform_filter(hovered)
            .mark_rect(filled=False, stroke=PICKED, strokeWidth=2)
            .encode(x, alt.Y("y0:Q"), alt.Y2("y1:Q")),
            cells.transform_filter("datum.unit >= 0")
            .transform_filter(hovered)
            .transform_calculate(
                reading="'unit ' + datum.unit + ', bit ' + datum.bit + ': '"
                " + format(datum.value, '.3f')"
            )
            .mark_text(align="right", baseline="middle", fontSize=12, fontWeight=600)
            .encode(
                x=alt.value("width"),
                y=alt.Y("ty:Q"),
                text="reading:N",
                color=alt.value(PICKED),
            ),
            alt.Chart(alt.NamedData("picked"))
            .mark_rect(filled=False, stroke=PICKED, strokeWidth=1.5, strokeDash=[3, 2])
            .encode(x, alt.Y("y0:Q"), alt.Y2("y1:Q")),
        ]
    spec = bare(alt.layer(*layers).properties(height=spec_height))
    # The width follows the page; the height is the rows', in pixels, and the axis comes on top.
    return {**spec, "autosize": {"type": "fit-x", "contains": "padding"}}


def widths(bits: int) -> tuple[int, int]:
    """The least and the greatest width of a chart of so many bits, in pixels."""
    return LABELS + NARROWEST * bits, LABELS + WIDEST * bits


def bare(chart: alt.TopLevelMixin) -> dict:
    """The specification without data and theme: the page adds both."""
    spec = chart.to_dict(validate=False)
    return {k: v for k, v in spec.items() if k not in ("datasets", "$schema", "config")}
