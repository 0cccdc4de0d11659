"""The second half of the Gates page: experiments, each with what may be inferred from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ui import gate_charts, gate_layout, gate_test_charts, gate_words, gates
from ui.gate_data import Source, ask

if TYPE_CHECKING:
    import pandas as pd

    from rnn_core.analysis import Reading

WIDTHS = (5, 16, 64)
#: At most so many states are drawn; a larger machine is shown as its table.
DRAWN = 8


def tests(shown: Source, step: int, reading: Reading, lens: pd.DataFrame, written: bool) -> None:
    st.divider()
    chosen = st.segmented_control(
        "What do the gates mean? Test it.",
        list(gate_words.TESTS),
        default="lens",
        required=True,
        format_func=gate_words.TESTS.get,
        key="test",
        bind="query-params",
        persist_state="session",
    )
    from rnn_core.analysis import NotApplicable

    try:
        if chosen == "lens":
            carry_lens(reading, lens)
        elif chosen == "clamp":
            clamp(reading, lens, written)
        elif chosen == "transplant":
            transplant(reading, written)
        elif chosen == "automaton":
            automaton(reading.model)
        elif chosen == "space":
            space(reading)
        else:
            appearance(shown, step)
    except NotApplicable as error:
        st.info(f"Not for this network. {error}", icon=":material/block:")
        return
    st.caption(gate_words.INFER[chosen])


def carry_lens(reading: Reading, lens: pd.DataFrame) -> None:
    from rnn_core import analysis

    labels = analysis.unit_labels(reading.model.cell)
    best = lens.iloc[0]
    told = int((lens["auc"] >= analysis.TELLS).sum())
    st.subheader(gate_words.lens(best, analysis.TELLS, labels[int(best.unit)], told), anchor=False)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.vega_lite_chart(
            spec={
                **gate_test_charts.lens_spec(len(reading.signals)),
                "datasets": {"lens": gate_test_charts.lens_rows(lens, list(reading.signals))},
            },
            key="lens_chart",
            alt="How well each unit of each signal tells the carry, as AUC, beside shuffled labels",
        )
        st.caption(
            "A dot is a unit: how well its value tells the true carry on 500 fresh 8-bit sums, at bits"
            " where a ≠ b both here and one bit below, so that the digits alone don't give the carry"
            " away. A cross is the same with the carries shuffled."
        )
    with right:
        st.dataframe(
            lens.head(10).assign(
                signal=lens["signal"].replace(gate_layout.SYMBOLS),
                unit=[labels[u] for u in lens["unit"].head(10)],
                sign=lens["sign"].map({1: "high", -1: "low"}),
            ),
            hide_index=True,
            column_config={
                "auc": st.column_config.NumberColumn("AUC", format="%.4f"),
                "shuffled_auc": st.column_config.NumberColumn("shuffled", format="%.4f"),
                "sign": st.column_config.TextColumn("with a carry"),
            },
            alt="The ten signals that tell the carry best",
        )
        st.caption(f"The best of {len(lens)}.")
        gates.csv("Lens", lens, "carry_lens.csv")


def clamp(reading: Reading, lens: pd.DataFrame, written: bool) -> None:
    from rnn_core import analysis

    model = reading.model
    labels = analysis.unit_labels(model.cell)
    names = list(reading.signals)
    gates.keep_within("hold", names)
    gates.keep_within("hold_unit", range(-1, len(labels)))
    above = st.container()
    one, two, three = st.columns([2, 2, 3])
    signal = one.selectbox(
        "Hold",
        names,
        format_func=gate_words.NAMES.get,
        key="hold",
        bind="query-params",
        persist_state="session",
        help="Its weights become 0 and its bias the value wanted; the rest runs on as it is.",
    )
    unit = two.selectbox(
        "of unit",
        [-1, *range(len(labels))],
        format_func=lambda u: "every unit" if u < 0 else labels[u],
        key="hold_unit",
        bind="query-params",
        persist_state="session",
    )
    low, high = analysis.reach(model.cell, signal)
    # Rounded inwards, so that both ends of the slider can be reached.
    low, high = round(low + 0.004, 2), round(high - 0.004, 2)
    value = three.slider(
        "at",
        low,
        high,
        (low + high) / 2,
        0.01,
        key=f"hold_at_{signal}",
        persist_state="session",
        bind="query-params",
    )
    who = None if unit < 0 else unit
    table = ask(analysis.clamp, model, signal, who, value, widths=WIDTHS)
    held = ask(analysis.clamped, model, signal, who, value)
    again = ask(analysis.read, held, reading.a, reading.b)
    above.subheader(
        gate_words.clamp(table, signal, None if who is None else labels[who], value), anchor=False
    )
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.vega_lite_chart(
            spec={**gate_test_charts.clamp_spec(), "datasets": {"clamp": table}},
            key="clamp_chart",
            alt="Share of sums wholly right before and after the clamp, by width",
        )
        st.caption("100 fresh sums at each width, the same ones before and after.")
        gates.csv("Clamp", table, "clamp.csv")
    with right:
        st.markdown(f"The sum above, with that held: {gate_words.verdict(again)}")
        again_table = analysis.bit_table(again)
        shown = [signal] if signal == "h" else [signal, "h"]
        signals = analysis.signal_table(again, analysis.unit_order(lens))
        layout = gate_layout.lay_out(
            again_table,
            signals[signals["signal"].isin(shown)],
            [s for s in shown if analysis.is_gate(s)],
            labels,
            gates.ink(),
            heat=130,
        )
        with gates.scroller("held", len(again_table)):
            st.vega_lite_chart(
                spec={
                    **gate_charts.sum_spec(
                        layout.height, len(again_table), written=written, hover=False
                    ),
                    "datasets": layout.datasets,
                },
                key="held_chart",
                alt="The sum again, with the clamp in place",
            )


def transplant(reading: Reading, written: bool) -> None:
    from rnn_core import analysis

    pairs = ask(analysis.transplants, reading.model, pairs=500)
    st.subheader(gate_words.transplants(pairs), anchor=False)
    last = reading.x.shape[1] - 1
    gates.keep_within("moved_bit", range(last))
    one, two, _ = st.columns([2, 2, 4], vertical_alignment="bottom")
    bit = one.selectbox(
        "Move the state after bit",
        range(last),
        min(2, last - 1),
        key="moved_bit",
        bind="query-params",
        persist_state="session",
    )
    seed = two.number_input(
        "from another sum, number",
        0,
        10_000,
        0,
        key="donor",
        bind="query-params",
        persist_state="session",
        help="Which random sum lends its state; its carry out of the bit is the other one.",
    )
    a, b = analysis.donor(reading, bit, seed=seed)
    table = analysis.transplant_one(reading, a, b, bit)
    st.markdown(gate_words.transplant(table, reading, a, b, bit))
    strip = table.assign(right=table["right"] | ~table["later"])
    layout = gate_layout.lay_out_strip(strip, bit, gates.ink())
    with gates.scroller("moved", len(table)):
        st.vega_lite_chart(
            spec={
                **gate_charts.sum_spec(layout.height, len(table), written=written, hover=False),
                "datasets": layout.datasets,
            },
            key="moved_chart",
            alt="The network's bits before and after the transplant, beside those of a flipped carry",
        )
    with st.container(horizontal=True):
        gates.csv("This transplant", table, "transplant.csv")
        gates.csv("All 500", pairs, "transplants.csv")


def automaton(model) -> None:
    from rnn_core import analysis

    found = ask(analysis.automaton, model)
    st.subheader(gate_words.automaton(found), anchor=False)
    left, right = st.columns(2, gap="medium")
    with left:
        if found.states <= DRAWN:
            st.graphviz_chart(
                gate_test_charts.machine_dot(
                    found.transitions, "inside the network", ink=gates.ink()
                ),
                width=430,
                alt="The machine found in the network: its states and transitions",
            )
        else:
            st.markdown(f"A machine of {found.states} states: its table is below.")
    with right:
        st.graphviz_chart(
            gate_test_charts.machine_dot(
                analysis.full_adder(),
                "the true full adder",
                ["no carry", "carry"],
                ink=gates.ink(),
            ),
            width=430,
            alt="The full adder: two states, no carry and carry",
        )
    st.caption(
        "A ring is a state, the double one the start. An arrow reads: bits of a and b / bit written."
        f" The machine was built on 500 random 16-bit sums and judged on {found.steps:,} steps of fresh"
        " ones, running on its own from the start."
    )
    if found.states > DRAWN:
        st.dataframe(found.transitions, hide_index=True, alt="The machine's transitions")
    gates.csv("Transitions", found.transitions, "automaton.csv")


def space(reading: Reading) -> None:
    from rnn_core import analysis

    cloud = ask(analysis.state_space, reading.model)
    path = analysis.path(cloud, reading)
    st.subheader("Where the states lie, and how this sum moves among them", anchor=False)
    left, _ = st.columns([3, 1])
    with left:
        st.vega_lite_chart(
            spec={
                **gate_test_charts.space_spec(len(path)),
                "datasets": {"points": cloud.points, "path": path},
            },
            key="space_chart",
            alt="Hidden states of 120 random sums in two principal components, with this sum's path",
        )
        st.caption(gate_words.space(cloud))
    with st.container(horizontal=True):
        gates.csv("States", cloud.points, "states.csv")
        gates.csv("Path", path, "path.csv")


def appearance(shown: Source, step: int) -> None:
    import pandas as pd

    from rnn_core import analysis

    if len(shown.snapshots) == 1:
        st.info("This run has no past yet: train it further.", icon=":material/history:")
        return
    with st.spinner("Testing the snapshots of this run."):
        table = pd.concat([ask(_look, model, at) for at, model in shown.looks()], ignore_index=True)
    first = {
        column: analysis.first_over(table, column, 0.99)
        for column in ("auc", "exact", "transplant")
    }
    moved = bool(table["transplant"].notna().any())
    st.subheader(gate_words.appearance(**first, tells=analysis.TELLS, moved=moved), anchor=False)
    st.vega_lite_chart(
        spec={
            **gate_test_charts.appearance_spec(),
            "datasets": {
                "curves": gate_test_charts.appearance_rows(table),
                "now": pd.DataFrame({"step": [step]}),
            },
        },
        key="appearance_chart",
        alt="Carry AUC, exact sums and transplants that succeed, over training steps",
    )
    st.caption(
        "Each point is a snapshot of this run, tested on 400 fresh 8-bit sums, in 200 pairs; the dashed"
        " line is the step shown on this page."
    )
    gates.csv("Curve", table, "appearance.csv")


def _look(model, step: int) -> pd.DataFrame:
    from rnn_core import analysis

    return analysis.appearance([(step, model)])
