"""The microscope: one character of a completion, the odds it came from, and another in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ui import charts, headline_charts
from ui import headline_words as words
from ui.headline_desk import Desk, Settings
from ui.headline_models import NAMES

if TYPE_CHECKING:
    import pandas as pd

    from rnn_core.microscope import Moment
    from rnn_core.writing import Written

#: Characters offered at once to force; the others are in the list beside.
OFFERED = 8


def microscope(me: Desk, written: dict[str, list[Written]], settings: Settings) -> None:
    from rnn_core import microscope

    at = me.shown
    w = written[at.model][at.row]
    m, table = microscope.moment(w, at.k), microscope.odds(w, at.k)
    st.subheader("The microscope: one character and its odds", anchor=False)
    walk(me, written)
    st.markdown(words.moment(m))
    numbers(m, settings)
    st.vega_lite_chart(
        spec=charts.with_rows(
            headline_charts.odds_spec(), headline_charts.odds_rows(microscope.leading(table))
        ),
        key="odds",
        alt="Odds of the likeliest characters: the model's, after temperature, in the nucleus",
    )
    st.caption(words.nucleus(m, settings.top_p))
    st.vega_lite_chart(
        spec=charts.with_rows(headline_charts.bar_spec(), headline_charts.bar_rows(table, m.draw)),
        key="bar",
        alt="The nucleus as one bar from 0 to 1, and the random number that fell on it",
    )
    st.caption(
        "The nucleus laid side by side, the likeliest first, and the random number that fell on it."
    )
    force(me, table, m)
    with st.expander("All 96 characters in numbers"):
        everything(table)


def walk(me: Desk, written: dict[str, list[Written]]) -> None:
    """Which completion and character; a step to the left or right."""
    at = me.shown
    found = written[at.model]
    last = len(found[at.row].completion.ids) - 1
    with st.container(horizontal=True, vertical_alignment="center", key="walk"):
        st.button(
            "Previous",
            key="left",
            icon=":material/chevron_left:",
            disabled=at.k == 0,
            on_click=me.pick,
            args=(at._replace(k=at.k - 1),),
            help="One character to the left.",
        )
        st.button(
            "Next",
            key="right",
            icon=":material/chevron_right:",
            disabled=at.k == last,
            on_click=me.pick,
            args=(at._replace(k=at.k + 1),),
            help="One character to the right.",
        )
        which = f"{NAMES[at.model]}, completion" if len(written) > 1 else "Completion"
        st.caption(
            f"{which} {at.row + 1} of {len(found)}, character {at.k + 1} of {last + 1}",
            width="content",
        )


def numbers(m: Moment, settings: Settings) -> None:
    """The character's way through the sampler, stage by stage."""
    stages = [
        ("The model's odds", words.chance(m.raw), f"{m.bits:.2f} bits of surprise"),
        (
            f"At temperature {settings.temperature:g}",
            words.chance(m.tempered),
            f"place {m.rank} of 96",
        ),
        (
            f"In the nucleus of {m.nucleus}",
            words.chance(m.kept) if m.kept else "cut away",
            f"÷ {m.mass:.3f}, their sum" if m.kept else "it could not be drawn",
        ),
        ("The random number", f"{m.draw:.4f}", f"fell on {m.start:.4f} to {m.end:.4f}"),
    ]
    with st.container(horizontal=True, gap="small", key="stages"):
        for label, value, below in stages:
            with st.container(width=168, gap=None):
                st.metric(label, value, width="stretch")
                st.caption(below)


def force(me: Desk, table: pd.DataFrame, m: Moment) -> None:
    """Another character here; and back."""
    at = me.shown
    # A key of its own for each place, so that a choice never wanders to the next one.
    place = f"{at.model}.{at.row}.{at.k}.{len(me.forced)}"
    labels = {
        char: f"{name}, {words.chance(p)}"
        for char, name, p in zip(table.char, table.name, table.tempered)
    }
    others = [char for char in labels if char != m.came]

    def chosen(key: str) -> None:
        char = st.session_state[key]
        if char is not None:
            me.force(at, char)

    with st.container(horizontal=True, vertical_alignment="bottom", key="force"):
        st.pills(
            "Force another character here, and let the network go on",
            others[:OFFERED],
            disabled=me.full,
            format_func=lambda char: words.plain(labels[char]),
            key=f"offer_{place}",
            on_change=chosen,
            args=(f"offer_{place}",),
        )
        st.selectbox(
            "Or any of the 96",
            others,
            None,
            disabled=me.full,
            format_func=labels.get,
            key=f"any_{place}",
            on_change=chosen,
            args=(f"any_{place}",),
            placeholder="choose",
            width=190,
        )
        if me.forced:
            st.button(
                "Go back",
                key="undo",
                icon=":material/undo:",
                on_click=me.undo,
                help="Take the last forced character back.",
            )
            st.button(
                "As drawn",
                key="as_drawn",
                type="tertiary",
                on_click=me.clear,
                help="Take all forced characters back.",
            )

    if me.full:
        st.caption(
            f"{len(me.forced)} characters are forced, the most that a link holds: take one back to"
            " force another."
        )


def everything(table: pd.DataFrame) -> None:
    st.dataframe(
        table[["rank", "name", "raw", "tempered", "inside", "kept", "start", "end"]],
        hide_index=True,
        height=320,
        alt="Odds of all 96 characters at this place",
        column_config={
            "rank": st.column_config.NumberColumn("place", width=60),
            "name": st.column_config.TextColumn("character", width=130),
            "raw": st.column_config.NumberColumn("model's odds", format="%.6f", width=110),
            "tempered": st.column_config.NumberColumn(
                "after temperature", format="%.6f", width=130
            ),
            "inside": st.column_config.CheckboxColumn("in the nucleus", width=105),
            "kept": st.column_config.NumberColumn("renormalised", format="%.6f", width=110),
            "start": st.column_config.NumberColumn("from", format="%.4f", width=80),
            "end": st.column_config.NumberColumn("to", format="%.4f", width=80),
        },
    )
