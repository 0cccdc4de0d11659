"""What a visitor sets on the Headlines page: network, sampling, the beginning of a headline."""

from __future__ import annotations

import streamlit as st

from rnn_core.cards import read_card
from ui import headline_models
from ui import headline_words as words
from ui.headline_desk import Desk, Settings
from ui.headline_models import NAMES

BEGINNING = "scientists just discovered"
EXAMPLES = [BEGINNING, "man charged after", "prime minister says", "rain", "how to", "2020"]
NOTHING = "from nothing"
ALL = "all"


def controls(me: Desk) -> tuple[list[str], Settings]:
    """Model and sampling, in the side bar; each in the address where it is not the default."""
    cards = {name: read_card(headline_models.folder(name)) for name in NAMES}
    chosen = st.radio(
        "Network",
        [*NAMES, ALL],
        format_func=words.model_label,
        captions=[*map(words.held_out, cards.values()), "side by side on the same beginning"],
        key="model",
        bind="query-params",
        help="Three networks trained on the same headlines. Bits a character on headlines that "
        "none of them saw: the fewer, the better it predicts.",
    )
    for card in cards.values():
        if card.trouble:
            st.warning(card.trouble, icon=":material/warning:")
    top_p = st.slider(
        "Top-p",
        0.05,
        1.0,
        0.9,
        0.05,
        key="top_p",
        bind="query-params",
        on_change=me.clear,
        help="How much of the odds stays in play: 0.9 keeps the likeliest characters that hold "
        "90% together, 1 keeps all.",
    )
    temperature = st.slider(
        "Temperature",
        0.1,
        2.0,
        1.0,
        0.1,
        key="temperature",
        bind="query-params",
        on_change=me.clear,
        help="Below 1 sharpens the odds, above 1 evens them out; 1 leaves the network's own.",
    )
    number = st.slider(
        "Completions",
        1,
        16,
        5,
        key="number",
        bind="query-params",
        help="How many; completion 3 of a seed stays the same however many are drawn.",
    )
    length = st.slider(
        "Longest completion",
        10,
        80,
        80,
        5,
        key="length",
        bind="query-params",
        on_change=me.clear,
        help="In characters. Most headlines end by themselves before.",
    )
    seed = st.number_input(
        "Seed",
        0,
        2**31 - 1,
        key="draw_seed",
        bind="query-params",
        on_change=me.clear,
        help="The same seed draws the same random numbers, and so gives the same completions.",
    )
    st.caption("The address holds all of this: a link shows others what you see.")
    names = list(NAMES) if chosen == ALL else [chosen]
    return names, Settings(top_p, temperature, number, length, int(seed))


def beginning(me: Desk) -> str:
    """The box, large, and examples to click."""

    def take(example: str) -> None:
        st.session_state.prefix = example
        me.clear()

    def again() -> None:
        st.session_state["draw_seed"] = (st.session_state["draw_seed"] + 1) % 2**31
        me.clear()

    with st.container(horizontal=True, vertical_alignment="bottom", key="beginning"):
        typed = st.text_input(
            "The beginning of a headline",
            BEGINNING,
            key="prefix",
            bind="query-params",
            on_change=me.clear,
            placeholder="Leave it empty, and they begin from nothing",
        )
        st.button(
            "Again",
            key="again",
            icon=":material/casino:",
            type="primary",
            on_click=again,
            help="The same beginning with the next seed.",
        )
    # Buttons, not a control that shows which of them is in use: see `recipe.presets`.
    with st.container(horizontal=True, gap="xsmall", key="examples"):
        for example in (*EXAMPLES, ""):
            st.button(example or NOTHING, key=f"example_{example}", on_click=take, args=(example,))
    return typed
