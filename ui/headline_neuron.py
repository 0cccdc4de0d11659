"""One neuron over the text: its value after every character, and its gates."""

from __future__ import annotations

import streamlit as st

from ui import charts, headline_charts
from ui import headline_words as words
from ui.headline_desk import Desk
from ui.headline_models import Loaded
from ui.tinted import GATE, STATE, tinted

#: In place of a unit's number: of each text and layer the one that varies most.
MOST = -1


def neuron(me: Desk, loaded: Loaded, line: str) -> None:
    st.subheader("One neuron over this headline", anchor=False)
    if not line:
        st.caption("This headline ended before its first character: there is nothing to read.")
        return
    found = me.neurons(loaded, line)

    with st.container(horizontal=True, vertical_alignment="bottom", key="neuron_choice"):
        layer = st.segmented_control(
            "Layer",
            list(range(1, found.depth + 1)),
            default=1,
            key="layer",
            required=True,
            bind="query-params",
            help="Layer 1 reads the characters, the last is nearest the odds.",
        )
        layer = min(layer or 1, found.depth)
        ranked = found.units(layer - 1)
        units, sd = ranked.unit.tolist(), dict(zip(ranked.unit, ranked.sd))
        chosen = st.selectbox(
            "Unit, by how much it varies",
            [MOST, *units],
            key="watched",  # the Gates page has a "neuron" of its own
            bind="query-params",
            width=240,
            # Of one wording for all texts: the browser sends a choice back as what it reads.
            format_func=lambda u: "the most varying" if u == MOST else f"unit {u}",
        )
        unit = units[0] if chosen == MOST else chosen
        table = found.neuron(layer - 1, unit)
        signals = table.signal.unique().tolist()
        order = [s for s in headline_charts.SIGNALS if s in signals]
        shown = st.segmented_control(
            "Over the text",
            order,
            default="h",
            key="signal",
            required=True,
            format_func=headline_charts.SIGNALS.get,
            bind="query-params",
        )
    shown = shown if shown in signals else "h"
    rows = headline_charts.neuron_rows(table)
    one = rows[rows.signal == shown]
    st.markdown(words.neuron(layer, unit, sd[unit], units.index(unit) + 1))
    chars = one.char.tolist()
    tinted(
        [
            {
                "given": "",
                "chars": chars,
                "values": one.shown.tolist(),
                "labels": [f"after {n}: {v:.3f}" for n, v in zip(one.name, one.value)],
            }
        ],
        GATE if shown in headline_charts.GATES else STATE,
        key="neuron_text",
    )
    if len(signals) > 1:
        st.vega_lite_chart(
            spec=charts.with_rows(headline_charts.neuron_spec(), rows),
            key="neuron_chart",
            alt="The unit's states and gates after every character",
        )
    st.caption(words.domains(signals))
