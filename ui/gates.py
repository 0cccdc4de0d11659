"""The Gates page: one sum, every gate, every bit; then tests of what they mean."""

from __future__ import annotations

import streamlit as st

from ui import (
    address,
    engine,
    gate_charts,
    gate_equations,
    gate_layout,
    gate_words,
    inputs,
    palette,
    session,
)
from ui.gate_data import Source, ask, source

BITS = 64
FIRST = {"a": 211, "b": 69}  # two runs of carries, one of three bits
READINGS = {"lowest": "Lowest bit first", "written": "As written"}
SORTS = {"carry": "What they know of the carry", "index": "Index"}

#: What the address calls the values of a choice.
LABELS = {
    "show": READINGS.get,
    "sort": SORTS.get,
    "test": gate_words.TESTS.get,
    "hold": gate_words.NAMES.get,
    "hold_unit": lambda unit: "every unit" if unit < 0 else str(unit),
}


def show() -> None:
    complaint, top = st.container(), st.container()
    with st.spinner("One moment: TensorFlow is loading."):
        engine.wait(120)
    from rnn_core.analysis import NotApplicable
    from rnn_core.checkpoint import CheckpointError

    try:
        shown = source()
    except CheckpointError as error:
        st.error(
            f"The network that this page opens with can't be read. {error}."
            " The other pages work; a network trained there is shown here.",
            icon=":material/error:",
        )
        return
    try:
        with address.checked("gates", LABELS):
            _show(shown, top)
        with complaint:
            address.complain("gates")
    except NotApplicable as error:
        st.error(str(error), icon=":material/error:")


def _show(shown: Source, top) -> None:
    from rnn_core import analysis
    from ui import gate_tests

    controls = st.container()
    with controls:
        a, b, written, by_carry, step = _controls(shown)
    model = shown.models[step]
    lens = ask(analysis.carry_lens, model)
    reading = ask(analysis.read, model, a, b)
    table = analysis.bit_table(reading)
    labels = analysis.unit_labels(model.cell)
    with top:
        st.caption(_status(shown, step))
        st.header(gate_words.verdict(reading), anchor=False)
        st.markdown(gate_words.detail(reading, table))

    best = analysis.unit_order(lens)
    picker = _pick_state(len(table), len(labels), best[0])
    left, right = st.columns([12, 5], gap="medium")
    with right:
        bit, unit = _picker(len(table), labels, *picker)
        _equations(reading, bit, unit, labels)
    with left:
        _chart(reading, table, best if by_carry else None, bit, unit, written)
    gate_tests.tests(shown, step, reading, lens, written)


def _status(shown: Source, step: int) -> str:
    newest = shown.steps[-1]
    where = f"at step {step:,}" if step == newest else f"at step {step:,} of {newest:,}"
    more = ""
    if shown.own and session.is_training():
        more = " Training goes on; the page stands still at the step it was drawn for."
    elif not shown.own:
        more = " Train one of your own and it is shown here, until the page is reloaded."
    return f"{shown.whose}; shown {where}.{more}"


# ---------------------------------------------------------------- what to show


def _controls(shown: Source) -> tuple[int, int, bool, bool, int]:
    numbers, errors = {}, []
    row = st.container(horizontal=True, vertical_alignment="top")
    for name in ("a", "b"):
        box = row.container(width=160)
        text = box.text_input(
            name,
            str(FIRST[name]),
            key=name,
            bind="query-params",
            persist_state="session",
            help=f"A whole number of up to {BITS} bits.",
        )
        try:
            numbers[name] = inputs.whole_number(text or "", name, bits=BITS)
            st.session_state[f"last_{name}"] = numbers[name]
        except ValueError as error:
            numbers[name] = st.session_state.get(f"last_{name}", FIRST[name])
            errors.append(f"{error} Still shown: {numbers[name]:,}.")
    reading = row.selectbox(
        "Bits",
        list(READINGS),
        format_func=READINGS.get,
        key="show",
        bind="query-params",
        persist_state="session",
        width=160,
        help="The side from which the chart is read. The network's own order stays as it is.",
    )
    order = row.selectbox(
        "Units sorted by",
        list(SORTS),
        format_func=SORTS.get,
        key="sort",
        bind="query-params",
        persist_state="session",
        width=230,
        help="Units that know most of the carry stand on top.",
    )
    step = _time_travel(shown, row.container(width=280))
    for error in errors:
        st.error(error, icon=":material/error:")
    return numbers["a"], numbers["b"], reading == "written", order == "carry", step


def _time_travel(shown: Source, column) -> int:
    """The step to show. A slider that stood at the newest step stays there as training goes on."""
    steps = shown.steps
    if len(steps) == 1:
        column.caption(f"Step {steps[0]:,}. Time travel needs a run with a past.")
        return steps[0]
    state = st.session_state
    if isinstance(state.get("step"), str):
        del state["step"]
    if state.get("step") is not None and (
        state["step"] not in steps or state["step"] == state.get("newest")
    ):
        wanted = steps[-1] if state["step"] == state.get("newest") else state["step"]
        state["step"] = min(steps, key=lambda s: abs(s - wanted))
    state["newest"] = steps[-1]
    return column.select_slider(
        "Time travel: training step",
        steps,
        steps[-1],
        key="step",
        bind="query-params",
        help="The network as it was at this step of its training; everything below is redrawn.",
    )


# ---------------------------------------------------------------- the sum and its heatmaps


def _chart(reading, table, order, bit: int, unit: int, written: bool) -> None:
    from rnn_core import analysis

    signals = analysis.signal_table(reading, order)
    names = list(reading.signals)
    gates = [name for name in names if analysis.is_gate(name)]
    layout = gate_layout.lay_out(
        table, signals, gates, analysis.unit_labels(reading.model.cell), ink()
    )
    with scroller("sum", len(table)):
        st.vega_lite_chart(
            spec={
                **gate_charts.sum_spec(layout.height, len(table), written=written),
                "datasets": {
                    **layout.datasets,
                    "picked": gate_layout.picked_rows(layout, bit, unit),
                },
            },
            key="sum_chart",
            on_select=_clicked,
            selection_mode="pick",
            alt="The bits of the sum above heatmaps of every signal: one column a bit, one row a unit",
        )
    st.html(legend(bool(gates)))
    st.caption(
        "Each column is a bit of the sum above it, each row a unit. Point at a cell to mark its bit"
        " and unit in every panel; click it for its equations."
    )
    with st.container(horizontal=True):
        csv("Bits", table, "bits.csv")
        csv("Signals", signals.drop(columns=["row", "colour"]), "signals.csv")


def scroller(key: str, bits: int):
    """A container whose chart keeps its columns legible: it scrolls sideways where it must."""
    least, most = gate_charts.widths(bits)
    st.html(
        f"<style>.st-key-scroll_{key}{{overflow-x:auto}}"
        f".st-key-scroll_{key}>*{{min-width:{least}px;max-width:{most}px}}</style>"
    )
    return st.container(key=f"scroll_{key}")


def ink() -> str:
    """The theme's text colour, for marks that a chart's theme leaves alone."""
    return "#e6e4df" if st.context.theme.type == "dark" else "#1f2228"


def legend(gates: bool = True) -> str:
    """The two colour scales with their fixed domains."""

    def bar(colours, low, high, what):
        return (
            f'<span style="white-space:nowrap;margin-right:1.6rem">{what}&ensp;{low}&ensp;<span style='
            f'"display:inline-block;width:7rem;height:.7rem;vertical-align:middle;border-radius:2px;'
            f'background:linear-gradient(90deg,{",".join(colours)})"></span>&ensp;{high}</span>'
        )

    scales = [
        bar(palette.GATES, "0", "1", "gates, P(1)" if gates else "P(1)"),
        bar(palette.STATES, "−1", "1", "states, candidates"),
    ]
    return f'<div style="font-size:.82rem;line-height:1.7">{" ".join(scales)}</div>'


def csv(label: str, frame, name: str) -> None:
    st.download_button(
        label,
        lambda: frame.to_csv(index=False).encode(),
        name,
        "text/csv",
        key=f"csv_{name}",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
        help=f"The data of this chart as {name}",
    )


# ---------------------------------------------------------------- one cell and its equations


def _pick_state(bits: int, units: int, best: int) -> tuple[int, int]:
    """Where the pick stands before its widgets are drawn; what no longer exists goes back."""
    keep_within("bit", range(bits))
    keep_within("neuron", range(units))
    return min(2, bits - 1), best


def keep_within(name: str, options) -> None:
    """Let go of a choice that is none of ``options`` any more.

    The browser sends such a one back as text, so it can't be compared with numbers.
    """
    value = st.session_state.get(name)
    if value is not None and value not in options:
        del st.session_state[name]


def _clicked() -> None:
    """A click on a cell picks its bit and unit; on the sum above, its bit."""
    points = st.session_state.sum_chart.selection.get("pick") or []
    if points:
        st.session_state.bit = int(points[0]["bit"])
        if points[0]["unit"] >= 0:
            st.session_state.neuron = int(points[0]["unit"])


def _picker(bits: int, labels: list[str], bit: int, unit: int) -> tuple[int, int]:
    row = st.container(horizontal=True)
    chosen = row.selectbox(
        "Bit", range(bits), bit, key="bit", width=110, bind="query-params", persist_state="session"
    )
    neuron = row.selectbox(
        "Unit",
        range(len(labels)),
        unit,
        format_func=lambda u: labels[u],
        key="neuron",
        width=110,
        bind="query-params",
        persist_state="session",
    )
    return chosen, neuron


def _equations(reading, bit: int, unit: int, labels: list[str]) -> None:
    from rnn_core import analysis

    lines = analysis.equations(reading, bit, unit)
    st.html(gate_equations.table(lines))
    st.caption(gate_words.equations(labels[unit], bit, lines))
    import pandas as pd

    rows = [
        (
            line.name,
            term.kind,
            term.text,
            term.left,
            term.right,
            term.value,
            line.total,
            line.result,
        )
        for line in lines
        for term in line.terms
    ]
    columns = ["equation", "kind", "term", "left", "right", "value", "total", "result"]
    csv("Equations", pd.DataFrame(rows, columns=columns), "equations.csv")


if __name__ in ("__main__", "__page__"):
    show()
