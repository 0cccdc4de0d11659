"""Training while the visitor looks at another page: one line at the top that says so."""

from __future__ import annotations

import streamlit as st

from ui.session import visit


def keep_training() -> None:
    """Go on training here if this visit is training, with one line that says so.

    Whoever presses Run and turns to another page expects it to go on. The page around this line
    stands still at the step it was drawn for, until asked to show the newest.
    """
    me = visit()
    if me.training:
        st.fragment(_train_on, run_every=me.interval)()


def _train_on() -> None:
    me = visit()
    early = me.run is None
    if me.training:
        me.poll()
    if early and me.run is not None:
        st.rerun()  # it can be polled more often now
    with st.container(horizontal=True, vertical_alignment="center", key="away"):
        state = "goes on" if me.training else "has stopped"
        st.caption(f"Training {state}: step {me.step:,}", width="content")
        if me.training:
            st.button("Pause", key="away_pause", type="tertiary", on_click=me.press_pause)
        if st.button("Show the network as it is now", key="away_show", type="tertiary"):
            st.rerun()
