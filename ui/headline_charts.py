"""DataFrame -> Vega-Lite for the Headlines page; no Streamlit, no TensorFlow.

As in charts.py, a specification is built once without data, so that the chart updates in place.
"""

from __future__ import annotations

from functools import cache

import altair as alt
import pandas as pd

from ui import palette
from ui.charts import ROWS, bare

STAGES = ["the model's odds", "after temperature", "nucleus, renormalised"]
#: A character's label stands on the bar where its stretch is at least this wide.
LABELLED = 0.03
STATES = {
    "h": "h, output",
    "c": "tanh(c), cell",
    "c_tilde": "c\u0303, candidate",
    "h_tilde": "h\u0303, candidate",
}
GATES = {
    "i": "i, input gate",
    "f": "f, forget gate",
    "o": "o, output gate",
    "z": "z, update gate",
    "r": "r, reset gate",
}
SIGNALS = {**STATES, **GATES}


def _label(name: str) -> str:
    """A character on an axis: short names for those that can't be seen."""
    return {"space": "space", "end of headline": "end"}.get(name, name.strip("“”") or name)


def odds_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows (rank, label, name, stage, odds, cut, came) of `microscope.leading`."""
    stages = dict(zip(("raw", "tempered", "kept"), STAGES))
    rows = table.rename(columns=stages).melt(
        ["rank", "name", "inside", "chosen"], STAGES, "stage", "odds"
    )
    return rows.assign(
        label=rows.name.map(_label),
        fate=rows.inside.map({True: "kept in the nucleus", False: "cut away"}),
    )


@cache
def odds_spec() -> dict:
    """Three columns a character: model, temperature, nucleus. Cut characters stay, hollow."""
    base = alt.Chart(alt.NamedData(ROWS))
    x = alt.X(
        "label:N",
        sort=alt.EncodingSortField("rank", op="min"),
        title=None,
        axis=alt.Axis(
            labelAngle=0,
            labelOverlap=False,
            ticks=False,
            labelExpr=(
                "bandwidth('x') < 26 && length(datum.label) > 1 ? slice(datum.label, 0, 3) : datum.label"
            ),
        ),
        scale=alt.Scale(paddingInner=0.22),
    )
    offset = alt.XOffset("stage:N", sort=STAGES)
    y = alt.Y(
        "odds:Q",
        title="odds",
        axis=alt.Axis(format="%", tickCount=4, gridOpacity=0.6),
        scale=alt.Scale(domainMin=0),
    )
    colors = alt.Scale(domain=STAGES, range=[palette.RAW, palette.TEMPERED, palette.KEPT])
    color = alt.Color(
        "stage:N",
        scale=colors,
        legend=alt.Legend(orient="top", title=None, columns=alt.ExprRef("width < 420 ? 1 : 3")),
    )
    tooltip = [
        alt.Tooltip("name:N", title="character"),
        alt.Tooltip("stage:N"),
        alt.Tooltip("odds:Q", format=".3%"),
        alt.Tooltip("fate:N"),
    ]
    bars = base.mark_bar(strokeWidth=1.2).encode(
        x,
        y,
        xOffset=offset,
        color=color,
        stroke=alt.Stroke("stage:N", scale=colors, legend=None),
        fillOpacity=alt.condition("datum.inside", alt.value(1), alt.value(0.12)),
        tooltip=tooltip,
    )
    came = (
        base.transform_filter(f"datum.chosen && datum.stage == '{STAGES[1]}'")
        .mark_point(shape="triangle-down", filled=True, size=90, color=palette.DRAW, opacity=1)
        .encode(x, y=alt.value(4), tooltip=[alt.Tooltip("name:N", title="came")])
    )
    return bare(alt.layer(bars, came).properties(height=230))


def bar_rows(table: pd.DataFrame, draw: float) -> pd.DataFrame:
    """The nucleus of `microscope.odds` as stretches of the bar, and the number that fell on it."""
    rows = table[table.inside]
    return rows.assign(label=rows.name.map(_label), draw=draw)[
        ["label", "name", "start", "end", "kept", "landed", "draw"]
    ]


@cache
def bar_spec() -> dict:
    """The cumulative bar from 0 to 1, the likeliest character first, and the random number."""
    base = alt.Chart(alt.NamedData(ROWS))
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f", grid=False)
    x = alt.X("start:Q", scale=alt.Scale(domain=[0, 1], nice=False), title=None, axis=axis)
    tooltip = [
        alt.Tooltip("name:N", title="character"),
        alt.Tooltip("start:Q", title="from", format=".4f"),
        alt.Tooltip("end:Q", title="to", format=".4f"),
        alt.Tooltip("kept:Q", title="wide", format=".4f"),
    ]
    pieces = base.mark_rect(stroke=palette.KEPT, strokeWidth=0.8).encode(
        x,
        x2="end:Q",
        y=alt.value(24),
        y2=alt.value(58),
        fill=alt.value(palette.KEPT),
        fillOpacity=alt.condition("datum.landed", alt.value(1), alt.value(0.18)),
        tooltip=tooltip,
    )
    middle = alt.X("middle:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=axis, title=None)
    names = (
        base.transform_calculate(middle="(datum.start + datum.end) / 2")
        .transform_filter(f"datum.landed || datum.end - datum.start >= {LABELLED}")
        .mark_text(fontSize=13, fontWeight=600)
        .encode(
            middle,
            y=alt.value(41),
            text="label:N",
            color=alt.condition("datum.landed", alt.value("#ffffff"), alt.value(palette.RAW)),
            tooltip=tooltip,
        )
    )
    number = base.transform_filter("datum.landed")
    at = alt.X("draw:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=axis, title=None)
    rule = number.mark_rule(color=palette.DRAW, strokeWidth=2.5).encode(
        at, y=alt.value(17), y2=alt.value(62)
    )
    tip = number.mark_point(
        shape="triangle-down", filled=True, size=110, color=palette.DRAW, opacity=1
    ).encode(at, y=alt.value(14), tooltip=[alt.Tooltip("draw:Q", title="number", format=".4f")])
    return bare(alt.layer(pieces, names, rule, tip).properties(height=104))


def neuron_rows(table: pd.DataFrame) -> pd.DataFrame:
    """`Reading.neuron` with readable signals, and which colour scale each has."""
    return table.assign(
        row=table.signal.map(SIGNALS), gate=table.signal.isin(list(GATES)), label=table.char
    )


@cache
def neuron_spec() -> dict:
    """One column a character, one row a signal; states diverge from 0, gates go from 0 to 1."""
    base = alt.Chart(alt.NamedData(ROWS))
    x = alt.X("position:O", axis=None, scale=alt.Scale(paddingInner=0))
    y = alt.Y(
        "row:N",
        sort=list(SIGNALS.values()),
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelPadding=8, labelLimit=120),
        scale=alt.Scale(paddingInner=0.12),
    )
    tooltip = [
        alt.Tooltip("name:N", title="after"),
        alt.Tooltip("row:N", title="signal"),
        alt.Tooltip("value:Q", format=".3f"),
    ]

    def cells(which: str, title: str, domain, colors) -> alt.Chart:
        legend = alt.Legend(
            orient="top", title=title, gradientLength=110, gradientThickness=10, values=list(domain)
        )
        scale = alt.Scale(domain=list(domain), range=colors, clamp=True)
        return (
            base.transform_filter(which)
            .mark_rect()
            .encode(x, y, color=alt.Color("shown:Q", scale=scale, legend=legend), tooltip=tooltip)
        )

    states = cells("!datum.gate", "states", palette.STATE_DOMAIN, palette.STATES)
    gates = cells("datum.gate", "gates", palette.GATE_DOMAIN, palette.GATES)
    letters = (
        base.transform_filter("datum.signal == 'h'")
        .mark_text(fontSize=12, baseline="bottom", color=palette.MARKER, clip=False)
        .encode(
            x,
            y=alt.value(-3),
            text="label:N",
            opacity=alt.condition("bandwidth('x') > 6", alt.value(1), alt.value(0)),
        )
    )
    chart = alt.layer(states, gates, letters).resolve_scale(color="independent")
    return bare(chart.properties(height=alt.Step(24)))
