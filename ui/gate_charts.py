"""The specification of the Gates page's chart, for Vega-Lite; no Streamlit, no TensorFlow.

The sum and its heatmaps are one single view whose rows `gate_layout` lays out in pixels: so their
columns can't come apart, the chart fills any width, and one hover serves all panels in the browser.
"""

from __future__ import annotations

from functools import lru_cache

import altair as alt

from ui import palette
from ui.charts import bare
from ui.gate_layout import DIGIT_AT, GATE_AT

#: A bit's column is at most this wide; under the lesser one the chart scrolls sideways.
WIDEST, NARROWEST = 96, 12
LABELS = 74

#: The colour of what is hovered or picked, legible on every cell colour and both backgrounds.
PICKED = "#b8860b"

#: A cell that holds a 0: a tint on whatever is behind it.
BIT_0 = "rgba(133, 139, 149, 0.16)"

INK = alt.Color("ink:N", scale=None, legend=None)


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


@lru_cache(maxsize=256)
def sum_spec(height: float, bits: int, *, written: bool, hover: bool = True) -> dict:
    """The specification of the big chart, without its rows.

    ``height`` is the layout's. Datasets: cells, titles, labels, picked. Selections: ``hover``
    stays in the browser, ``pick`` goes to the server.
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
