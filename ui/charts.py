"""DataFrame -> Vega-Lite for the Train page; no Streamlit, no TensorFlow.

A chart on a page updates in place only while its specification stays the same, so each function
here builds one without data, once; the page passes the rows beside it. Titles, domains and heights
hold nothing that changes while a network trains.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from ui import palette

if TYPE_CHECKING:
    from rnn_core.report import Measurement

#: Points of a curve that are sent to the browser; more can't be told apart at this size.
POINTS = 300
ROWS = "rows"
HEIGHT = 300
#: Bits in one line of the strip that shows a long sum.
LINE = 32


def bare(chart: alt.TopLevelMixin) -> dict:
    """The specification without data and theme: the page adds both."""
    spec = chart.to_dict(validate=False)
    return {k: v for k, v in spec.items() if k not in ("datasets", "$schema", "config")}


def with_rows(spec: dict, rows: pd.DataFrame) -> dict:
    """``spec`` with its rows, for ``st.vega_lite_chart(spec=...)``.

    Under a name: Streamlit looks for the rows of layers by name when it updates them in place.
    """
    return {**spec, "datasets": {ROWS: rows}}


def _base() -> alt.Chart:
    return alt.Chart(alt.NamedData(ROWS))


def thin(history: pd.DataFrame, points: int = POINTS) -> pd.DataFrame:
    """About ``points`` rows of ``history``, the first and the last among them."""
    stride = max(1, -(-len(history) // points))
    kept = history.iloc[::stride]
    if len(history) and kept.index[-1] != history.index[-1]:
        kept = pd.concat([kept, history.iloc[[-1]]])
    return kept


def loss_rows(history: pd.DataFrame | None, past: list[tuple[int, pd.DataFrame]]) -> pd.DataFrame:
    """Rows (run, curve, step, loss): train and validation now, validation of earlier runs."""
    if history is None:
        history = pd.DataFrame(columns=["step", "train_loss", "validation_loss"], dtype=float)
    now = thin(history).rename(columns={"train_loss": "train", "validation_loss": "validation"})
    frames = [
        now.melt("step", ["train", "validation"], "curve", "loss").assign(run="this run"),
    ]
    for number, earlier in past:
        rows = thin(earlier, POINTS // 3)[["step", "validation_loss"]]
        rows = rows.rename(columns={"validation_loss": "loss"})
        frames.append(rows.assign(curve="earlier", run=f"run {number}"))
    rows = pd.concat(frames, ignore_index=True)
    if rows.empty:  # drawn by no mark: they give the empty chart its axes
        rows = pd.DataFrame({"run": "", "curve": "none", "step": [1, 50], "loss": [0.02, 0.8]})
    return rows.dropna(subset=["loss"])[["run", "curve", "step", "loss"]]


@cache
def loss_spec(log: bool) -> dict:
    """Loss over steps. Hover finds the nearest step and reads both curves there."""
    x = alt.X(
        "step:Q",
        title="step",
        scale=alt.Scale(nice=False, zero=True),
        axis=alt.Axis(tickCount=6, format=",d", grid=False),
    )
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=True, nice=True)
    axis = alt.Axis(tickCount=5, format="~g", gridOpacity=0.6)
    y = alt.Y("loss:Q", title="loss", scale=scale, axis=axis)
    rows = _base()
    if log:  # a loss that underflowed to 0 has no place on this axis
        rows = rows.transform_filter("datum.loss > 0")
    now = rows.transform_filter("datum.curve == 'train' || datum.curve == 'validation'")
    blank = rows.transform_filter("datum.curve == 'none'").mark_point(opacity=0).encode(x, y)
    earlier = (
        rows.transform_filter("datum.curve == 'earlier'")
        .mark_line(strokeWidth=1.2, opacity=0.7, color=palette.PAST, clip=True)
        .encode(
            x,
            y,
            detail="run:N",
            tooltip=[
                "run:N",
                alt.Tooltip("step:Q", format=",d"),
                alt.Tooltip("loss:Q", format=".4~g"),
            ],
        )
    )
    curves = now.mark_line(strokeWidth=2, clip=True, strokeJoin="round").encode(
        x,
        y,
        color=alt.Color(
            "curve:N",
            scale=alt.Scale(
                domain=["train", "validation"], range=[palette.TRAIN, palette.VALIDATION]
            ),
            legend=alt.Legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=3),
        ),
        strokeDash=alt.StrokeDash(
            "curve:N",
            scale=alt.Scale(domain=["train", "validation"], range=[[1, 0], [6, 3]]),
            legend=None,
        ),
    )
    hover = alt.selection_point(
        "hover", nearest=True, on="pointermove", clear="pointerout", fields=["step"], empty=False
    )
    tooltip = [
        alt.Tooltip("step:Q", format=",d"),
        alt.Tooltip("train:Q", title="train", format=".4~g"),
        alt.Tooltip("validation:Q", title="validation", format=".4~g"),
    ]
    rule = (
        now.transform_pivot("curve", value="loss", groupby=["step"])
        .mark_rule(color=palette.MARKER)
        .encode(
            x,
            opacity=alt.condition(hover, alt.value(0.7), alt.value(0), empty=False),
            tooltip=tooltip,
        )
        .add_params(hover)
    )
    return bare(alt.layer(blank, earlier, curves, rule).properties(height=HEIGHT))


def width_rows(measured: Measurement | None, bits: int) -> pd.DataFrame:
    """Rows (bits, right, sums, exact, trained); the trained width alone before measuring."""
    if measured is not None:
        return measured.table
    columns = ["bits", "right", "sums", "exact", "trained"]
    return pd.DataFrame([(bits, None, None, None, True)], columns=columns)


@cache
def width_spec() -> dict:
    """Share of sums wholly right over the width of the sum, the trained width marked."""
    x = alt.X(
        "bits:Q",
        title="bits in the sum",
        scale=alt.Scale(type="log", domain=[2, 1000], nice=False),
        axis=alt.Axis(
            values=[2, 5, 10, 20, 50, 100, 200, 500, 1000],
            format=",d",
            grid=False,
            labelFlush=True,  # else the last label is cut
        ),
    )
    y = alt.Y(
        "exact:Q",
        title="sums wholly right",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], gridOpacity=0.6),
    )
    tooltip = [
        alt.Tooltip("bits:Q", format=",d"),
        alt.Tooltip("right:Q", title="right", format=",d"),
        alt.Tooltip("sums:Q", title="of", format=",d"),
        alt.Tooltip("exact:Q", title="share", format=".1%"),
    ]
    line = _base().mark_line(color=palette.VALIDATION, strokeWidth=2).encode(x, y)
    dots = (
        _base()
        .mark_point(color=palette.VALIDATION, filled=True, size=55, opacity=1)
        .encode(x, y, tooltip=tooltip)
    )
    trained = _base().transform_filter("datum.trained")
    rule = trained.mark_rule(color=palette.MARKER, strokeDash=[4, 3]).encode(x)
    label = trained.mark_text(
        text="trained width", angle=270, baseline="bottom", dy=-5, color=palette.MARKER
    ).encode(x, y=alt.value(HEIGHT / 3))
    return bare(alt.layer(rule, label, line, dots).properties(height=HEIGHT))


def strip_rows(bits: pd.DataFrame) -> pd.DataFrame:
    """Cells of the strip, as written: the highest bit first, in lines of ``LINE``.

    ``bits`` has one row a bit, lowest first: bit, a, b, carry, true, network, probability, wrong.
    """
    rows = bits.iloc[::-1]
    if len(bits) <= LINE:
        names = {"a": "a", "b": "b", "carry": "carry in", "true": "true sum", "network": "network"}
        rows = rows.assign(place=-rows["bit"]).rename(columns=names)
        keys = ["bit", "place", "probability", "wrong"]
        long = rows.melt(keys, list(names.values()), "row", "digit")
        return long.assign(wrong=long["wrong"] & (long["row"] == "network"))
    lowest = rows["bit"] // LINE * LINE
    return rows.assign(
        row=lowest.map(lambda bit: f"from bit {bit:,}"),
        lowest=lowest,
        place=-(rows["bit"] % LINE),
        digit=rows["network"],
    )


def strip_width(bits: pd.DataFrame) -> int:
    """Pixels that make the cells of a short strip about square; a page narrower than that wins."""
    return 110 + 34 * min(len(bits), LINE)


@cache
def strip_spec(long: bool) -> dict:
    """The bits of a sum as cells: filled for 1, a cross through those the network got wrong."""
    order = ["carry in", "a", "b", "true sum", "network"]
    if long:  # by a field of the rows: Vega would keep the order of the sum that came before
        order = alt.EncodingSortField("lowest", op="max", order="descending")
    x = alt.X("place:O", axis=None, scale=alt.Scale(paddingInner=0.12))
    y = alt.Y(
        "row:O",
        title=None,
        sort=order,
        axis=alt.Axis(
            ticks=False, domain=False, labelPadding=8, labelLimit=100, labelOverlap=False
        ),
        scale=alt.Scale(paddingInner=0.16),
    )
    tooltip = [
        alt.Tooltip("bit:Q", title="bit"),
        alt.Tooltip("row:N", title="row"),
        alt.Tooltip("digit:Q", title="value"),
        alt.Tooltip("probability:Q", title="P(1), network", format=".4f"),
    ]
    one, wrong = "datum.digit == 1", "datum.wrong"
    cells = (
        _base()
        .mark_rect(cornerRadius=2)
        .encode(
            x,
            y,
            fill=alt.condition(wrong, alt.value(palette.WRONG_CELL), alt.value(palette.BIT_1)),
            fillOpacity=alt.condition(f"{one} || {wrong}", alt.value(1), alt.value(0.01)),
            stroke=alt.condition(wrong, alt.value(palette.WRONG), alt.value(palette.BIT_EDGE)),
            strokeWidth=alt.condition(wrong, alt.value(2), alt.value(0.8)),
            tooltip=tooltip,
        )
    )
    crosses = (
        _base()
        .transform_filter(wrong)
        .mark_point(shape=palette.CROSS, size=90 if long else 130, strokeWidth=2, opacity=1)
        .encode(x, y, color=alt.value(palette.WRONG), tooltip=tooltip)
    )
    layers = [cells, crosses]
    if not long:
        digits = (
            _base()
            .transform_filter(f"!{wrong}")
            .mark_text(fontSize=11)
            .encode(
                x,
                y,
                text="digit:N",
                color=alt.condition(one, alt.value(palette.ON_BIT_1), alt.value(palette.MARKER)),
            )
        )
        layers.append(digits)
    return bare(alt.layer(*layers).properties(height=alt.Step(24 if not long else 14)))
