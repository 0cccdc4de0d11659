"""Training while the visitor looks at another page: one line at the top that says so."""

from __future__ import annotations

import streamlit as st

from ui.session import visit


def keep_training(gates, *, here: bool) -> None:
    """Go on training here if this visit is training, with one line that says so.

    Whoever presses Run and turns to another page expects it to go on. ``gates`` is the page that
    shows the network, and ``here`` whether this is it: it stands still at the step it was drawn
    for, until asked to show the newest.
    """
    me = visit()
    if me.training:
        st.fragment(_train_on, run_every=me.interval)(gates, here)


def _train_on(gates, here: bool) -> None:
    me = visit()
    early = me.run is None
    if me.training:
        me.poll()
    if early and me.run is not None:
        st.rerun()  # it can be polled more often now
    if not me.training:
        st.toast(f"Training has stopped at step {me.step:,}.")
        st.rerun()  # the page around this line has to know
    with st.container(horizontal=True, vertical_alignment="center", key="away"):
        st.caption(f"Training goes on: step {me.step:,}", width="content")
        st.button("Pause", key="away_pause", type="tertiary", on_click=me.press_pause)
        if not here:
            st.page_link(gates, label="Open the network on Gates")
        elif st.button("Show the network as it is now", key="away_show", type="tertiary"):
            st.rerun()
