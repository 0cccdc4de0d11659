"""DataFrame -> Vega-Lite and DOT for the tests on the Gates page; no Streamlit, no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import altair as alt
import pandas as pd

from ui import palette
from ui.gate_charts import PICKED, bare
from ui.gate_layout import SYMBOLS


@cache
def lens_spec(signals: int) -> dict:
    """AUC of every unit, a row for each signal; shuffled labels as crosses. Dataset: lens."""
    lens = alt.Chart(alt.NamedData("lens"))
    x = alt.X(
        "auc:Q",
        title="AUC: chance that a carry ranks above no carry",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", gridOpacity=0.6),
    )
    y = alt.Y("signal:N", sort=None, title=None, axis=alt.Axis(ticks=False, labelFontSize=13))
    offset = alt.YOffset("jitter:Q", scale=alt.Scale(domain=[0, 1]))
    tooltip = [
        alt.Tooltip("signal:N"),
        alt.Tooltip("unit:Q"),
        alt.Tooltip("auc:Q", title="AUC", format=".4f"),
        alt.Tooltip("shuffled_auc:Q", title="with shuffled labels", format=".4f"),
    ]
    shuffled = lens.mark_point(
        shape=palette.CROSS, size=18, color=palette.PAST, strokeWidth=1.2, opacity=0.8
    ).encode(alt.X("shuffled_auc:Q"), y, offset, tooltip=tooltip)
    true = lens.mark_point(filled=True, size=52, opacity=0.85, color=palette.CARRY[1]).encode(
        x, y, offset, tooltip=tooltip
    )
    return bare(alt.layer(shuffled, true).properties(height=46 * signals + 20))


def lens_rows(lens: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The lens in the order of ``names``, each unit at a height of its own within its row."""
    units = lens["unit"].max() + 1
    place = pd.Categorical(lens["signal"], list(names), ordered=True)
    rows = lens.assign(
        jitter=(lens["unit"] + 0.5) / units, place=place, signal=lens["signal"].replace(SYMBOLS)
    )
    return rows.sort_values(["place", "unit"]).drop(columns="place")


@cache
def clamp_spec() -> dict:
    """Exact-sum accuracy before and after, by width: a dumbbell a width. Dataset: clamp."""
    rows = alt.Chart(alt.NamedData("clamp"))
    y = alt.Y("bits:O", title="bits", axis=alt.Axis(ticks=False))
    x = alt.X(
        "share:Q",
        title="sums wholly right",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], gridOpacity=0.6),
    )
    when, legend = ["before", "after"], alt.Legend(orient="top", title=None)
    line = rows.mark_rule(color=palette.MARKER, strokeWidth=2).encode(
        y, alt.X("before:Q"), alt.X2("after:Q")
    )
    dots = (
        rows.transform_fold(when, ["when", "share"])
        .mark_point(filled=True, size=110, opacity=1)
        .encode(
            y,
            x,
            shape=alt.Shape(
                "when:N",
                scale=alt.Scale(domain=when, range=["circle", "triangle-left"]),
                legend=legend,
            ),
            color=alt.Color(
                "when:N",
                scale=alt.Scale(domain=when, range=[palette.MARKER, palette.VALIDATION]),
                legend=legend,
            ),
            tooltip=[
                alt.Tooltip("bits:O"),
                alt.Tooltip("before:Q", format=".1%"),
                alt.Tooltip("after:Q", format=".1%"),
            ],
        )
    )
    return bare(alt.layer(line, dots).properties(height=210))


#: A path of at most so many bits has every bit labelled.
LABELLED = 20


@cache
def space_spec(bits: int) -> dict:
    """States in two principal components, and the path of a sum of ``bits`` bits.

    A long path is drawn fainter and its bits are not labelled. Datasets: points, path.
    """
    short = bits <= LABELLED
    scale = alt.Scale(domain=[0, 1], range=list(palette.CARRY))
    color = alt.Color(
        "carry:N",
        title="carry",
        scale=scale,
        legend=alt.Legend(orient="top", symbolSize=80, symbolOpacity=1),
    )
    shape = alt.Shape(
        "carry:N",
        title="carry",
        scale=alt.Scale(domain=[0, 1], range=["circle", "square"]),
        legend=alt.Legend(orient="top", symbolSize=80, symbolOpacity=1),
    )
    x = alt.X("first:Q", title="first component", axis=alt.Axis(gridOpacity=0.4))
    y = alt.Y("second:Q", title="second component", axis=alt.Axis(gridOpacity=0.4))
    points = (
        alt.Chart(alt.NamedData("points"))
        .mark_point(filled=True, size=26, opacity=0.35)
        .encode(x, y, color, shape)
    )
    trail = alt.Chart(alt.NamedData("path"))
    line = trail.mark_line(
        color=PICKED, strokeWidth=1.5 if short else 1, opacity=0.8 if short else 0.3
    ).encode(x, y, order="bit:Q")
    stops = trail.mark_point(
        filled=True, size=110 if short else 50, opacity=1, stroke=PICKED
    ).encode(
        x,
        y,
        color,
        shape,
        tooltip=["bit:Q", "carry:O"],
    )
    labels = trail.mark_text(
        align="left", dx=8, dy=-7, fontSize=12, fontWeight=600, color=PICKED
    ).encode(x, y, text="bit:Q")
    layers = [points, line, stops, *([labels] if short else [])]
    return bare(alt.layer(*layers).properties(height=460))


CURVES = {
    "auc": "best carry AUC",
    "exact": "sums wholly right",
    "transplant": "transplants that flip the carry",
}


def appearance_rows(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns=CURVES).melt("step", list(CURVES.values()), "curve", "value")


@cache
def appearance_spec() -> dict:
    """Three measures over training steps, and where the page stands. Datasets: curves, now."""
    rows = alt.Chart(alt.NamedData("curves"))
    names = list(CURVES.values())
    x = alt.X("step:Q", title="step", axis=alt.Axis(grid=False, format=",d", tickCount=8))
    y = alt.Y(
        "value:Q",
        title=None,
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(values=[0, 0.5, 1], format=".2~f", gridOpacity=0.6),
    )
    line = rows.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=22)).encode(
        x,
        y,
        color=alt.Color(
            "curve:N",
            sort=names,
            scale=alt.Scale(
                domain=names, range=[palette.CARRY[1], palette.VALIDATION, palette.RIGHT]
            ),
            legend=alt.Legend(
                orient="top", title=None, columns=2, labelLimit=260, symbolType="stroke"
            ),
        ),
        strokeDash=alt.StrokeDash(
            "curve:N",
            sort=names,
            scale=alt.Scale(domain=names, range=[[1, 0], [6, 3], [2, 2]]),
            legend=None,
        ),
        tooltip=[alt.Tooltip("step:Q"), "curve:N", alt.Tooltip("value:Q", format=".3f")],
    )
    now = (
        alt.Chart(alt.NamedData("now"))
        .mark_rule(color=palette.MARKER, strokeDash=[4, 3])
        .encode(alt.X("step:Q"))
    )
    return bare(alt.layer(now, line).properties(height=280))


def machine_dot(
    transitions: pd.DataFrame,
    title: str,
    names: Sequence[str] | None = None,
    *,
    ink: str = palette.MARKER,
) -> str:
    """A machine as a DOT graph. An edge reads ``a b / bit``; the start has a double ring.

    ``transitions`` has rows (state, a, b, next, bit); rows with next -1 are left out.
    """
    known = transitions[transitions["next"] >= 0]
    edges: dict[tuple[int, int], list[str]] = {}
    for row in known.itertuples():
        edges.setdefault((row.state, row.next), []).append(f"{row.a} {row.b} / {row.bit}")
    lines = [
        "digraph machine {",
        'rankdir=LR; bgcolor="transparent"; nodesep=0.5; ranksep=1.1;',
        f'label="{title}"; labelloc=t; fontname="sans-serif"; fontsize=13; fontcolor="{ink}";',
        f'node [shape=circle, color="{ink}", fontcolor="{ink}", fontname="sans-serif", penwidth=1.5,'
        " fixedsize=true, width=0.95];",
        f'edge [color="{ink}", fontcolor="{ink}", fontname="monospace", fontsize=11];',
    ]
    for state in sorted(set(transitions["state"])):
        name = f"S{state}" + (f"\\n{names[state]}" if names else "")
        lines.append(f'{state} [label="{name}"{", peripheries=2" if state == 0 else ""}];')
    for (state, following), labels in edges.items():
        lines.append(_edge(state, following, labels))
    return "\n".join([*lines, "}"])


def _edge(state: int, following: int, labels: list[str]) -> str:
    text = "\\n".join(f" {label} " for label in labels)
    return f'{state} -> {following} [label="{text}"];'
