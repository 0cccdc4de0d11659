"""The address bar: what a link asks for and a page does not offer is said, not passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st


@contextmanager
def checked(page: str, labels: dict[str, Callable[[Any], str]]) -> Iterator[None]:
    """Around a page's controls: on its first run, note the values that they did not take.

    Streamlit drops from the address what a control can't use, silently, and a default likewise.
    ``labels`` give, by control, the words in which the address holds a value. `complain` shows it.
    """
    key = f"refused_{page}"
    asked = {} if key in st.session_state else st.query_params.to_dict()
    yield
    if key in st.session_state:
        return
    refused = [
        f"{name}={text} (shown: {_words(name, labels)})"
        for name, text in asked.items()
        if name not in st.query_params and not _is(text, name, labels)
    ]
    st.session_state[key] = ", ".join(refused)


def refuse(page: str, asked: list[str]) -> None:
    """Add to the complaint what a page itself could not take from the address; empties ``asked``."""
    key = f"refused_{page}"
    st.session_state[key] = ", ".join(filter(None, [st.session_state.get(key), *asked]))
    asked.clear()


def complain(page: str) -> None:
    """What the address asked for in vain, until the visitor has done with it."""
    key = f"refused_{page}"

    def done() -> None:
        st.session_state[key] = ""

    if refused := st.session_state.get(key):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(
                f"The address asks for what this page does not offer: {refused}.",
                icon=":material/link_off:",
            )
            st.button("OK", key=f"ok_{page}", on_click=done)


def _words(name: str, labels: dict[str, Callable[[Any], str]]) -> str:
    value = st.session_state.get(name)
    return labels[name](value) if name in labels else str(value)


def _is(text: str, name: str, labels: dict[str, Callable[[Any], str]]) -> bool:
    """Whether ``text`` is how the address writes the value that control ``name`` has."""
    value = st.session_state.get(name)
    if value is None or text in (str(value), _words(name, labels)):
        return True
    try:
        return float(text) == float(value)
    except (TypeError, ValueError):
        return False
