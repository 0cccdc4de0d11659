"""Text whose characters carry a tint and can be picked: a small component of its own.

Streamlit's own elements draw text, and they take clicks, but none takes a click on one character.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ui import palette

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "tinted_text",
    html='<div class="tinted"></div>',
    css=(_HERE / "tinted.css").read_text(),
    js=(_HERE / "tinted.js").read_text(),
)

#: Bits at which the tint is full: a character of odds 1 in 256, or less.
FULL = 8

SURPRISE = {
    "domain": [0, FULL],
    "colors": [palette.SURPRISE],
    "wash": 0.7,
    "legend": ["0 bits", f"{FULL} bits and more"],
}
STATE = {
    "domain": list(palette.STATE_DOMAIN),
    "colors": palette.STATES,
    "legend": ["\u22121", "1"],
}
GATE = {
    "domain": list(palette.GATE_DOMAIN),
    "colors": palette.GATES,
    "legend": ["0, closed", "1, open"],
}


def tinted(
    lines: list[dict],
    scale: dict,
    *,
    key: str,
    pick: tuple[int, int] | None = None,
    on_pick: Callable[[], None] | None = None,
) -> None:
    """Draw ``lines`` (see tinted.js) with ``scale``.

    With ``on_pick`` every character can be picked; it is called when one was, and
    ``st.session_state[key].pick`` is then [line, k].
    """
    data = {"lines": lines, "scale": scale, "picks": on_pick is not None, "pick": pick}
    callbacks = {"on_pick_change": on_pick} if on_pick else {}
    _component(key=key, data=data, **callbacks)
