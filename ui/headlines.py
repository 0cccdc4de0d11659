"""The Headlines page: a beginning, what the network makes of it, and the odds it had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rnn_core.cards import read_card
from ui import address, engine, headline_models
from ui import headline_words as words
from ui.headline_controls import beginning, controls
from ui.headline_desk import Desk, Place, Settings, desk
from ui.headline_microscope import microscope
from ui.headline_models import NAMES, Loaded, Unreadable
from ui.headline_neuron import neuron
from ui.tinted import SURPRISE, tinted

if TYPE_CHECKING:
    from rnn_core.copied import CopyIndex
    from rnn_core.writing import Prefix, Written


def ask_all(names: list[str]) -> tuple[dict[str, Loaded], dict[str, str], list[str]]:
    """The models that are there, what is wrong with others, and those on their way."""
    there, broken, coming = {}, {}, []
    for name in names:
        try:
            loaded = headline_models.ask(name)
        except Unreadable as error:
            broken[name] = str(error)
            continue
        if loaded is None:
            coming.append(name)
        else:
            there[name] = loaded
    return there, broken, coming


def waiting(names: list[str]) -> None:
    """Look again until one more model is there or has failed."""
    try:
        waits = len(ask_all(names)[2]) == len(names)
    except engine.CoreMissing:
        waits = False
    if not waits:
        st.rerun()


def prepared(typed: str, there: dict[str, Loaded]) -> Prefix | None:
    from rnn_core import writing

    seen = next((loaded.seen for loaded in there.values() if loaded.seen), None)
    try:
        prefix = writing.prepare(typed, seen)
    except ValueError as error:
        st.error(str(error), icon=":material/keyboard:")
        return None
    for note in prefix.notes:
        st.caption(f":material/info: {words.plain(note)}")
    return prefix


def lines(written: list[Written], index: CopyIndex | None) -> list[dict]:
    """Completions for `tinted`."""
    from rnn_core import text
    from rnn_core.writing import name_of

    found = []
    for w in written:
        c = w.completion
        shared = index.longest(c.headline) if index else None
        chars = [text.VOCABULARY[i] for i in c.ids]
        bits, odds = c.surprisal.tolist(), c.probability.tolist()
        found.append(
            {
                "given": c.prefix,
                "chars": chars,
                "values": bits,
                "labels": [words.label(name_of(a), b, p) for a, b, p in zip(chars, bits, odds)],
                "shared": [shared.start, shared.end] if shared else None,
                "forced": list(w.forced),
                "open": not c.ended,
                "note": words.note(w, shared),
            }
        )
    return found


def show(me: Desk, name: str, written: list[Written], index: CopyIndex | None, titled: bool):
    """One model's completions, every character ready to be picked."""
    key = f"lines_{name}"

    def picked() -> None:
        at = st.session_state[key].get("pick")
        if at:
            me.pick(Place(name, int(at[0]), int(at[1])))

    if titled:
        card = read_card(headline_models.folder(name))
        st.subheader(NAMES[name], anchor=False)
        st.caption(words.held_out(card))
    at = me.shown
    pick = [at.row, at.k] if at and at.model == name else None
    tinted(lines(written, index), SURPRISE, key=key, pick=pick, on_pick=picked)


def take_along(
    written: dict[str, list[Written]], me: Desk, prefix: str, settings: Settings
) -> None:
    """Downloads: completions, every character's odds, and a script that gives them again."""
    from rnn_core import writing

    def stacked(table) -> bytes:
        import pandas as pd

        about = {k: v for k, v in settings.options.items()}
        frames = [table(found, model=name, **about) for name, found in written.items()]
        return pd.concat(frames, ignore_index=True).to_csv(index=False).encode()

    def script() -> bytes:
        name = me.shown.model
        forced = [f[1:] for f in me.applied(name)]
        return writing.script(
            f"pretrained/headlines-{name}", prefix, settings.number, forced, **settings.options
        ).encode()

    files = [
        (
            "Completions",
            "completions",
            lambda: stacked(writing.table),
            "headlines.csv",
            "text/csv",
            "One row a completion, as CSV.",
        ),
        (
            "Every character",
            "characters",
            lambda: stacked(writing.steps),
            "characters.csv",
            "text/csv",
            "One row a character with its odds and random number, as CSV.",
        ),
        (
            "Script",
            "headline_script",
            script,
            "headlines.py",
            "text/x-python",
            "A short Python script that gives the picked network's completions with rnn_core.",
        ),
    ]
    with st.container(horizontal=True, key="headline_downloads"):
        for label, key, data, file, kind, help in files:
            st.download_button(
                label,
                data,
                file,
                kind,
                key=key,
                icon=":material/download:",
                on_click="ignore",
                help=help,
            )


def page() -> None:
    me = desk()
    st.html(
        "<style>.st-key-prefix input {font-size: 1.45rem; padding: 0.7rem 0.8rem; height: auto}"
        " .st-key-prefix [data-baseweb] {height: auto}"
        " .st-key-examples button {border-radius: 2rem; min-height: 0; padding: 0.2rem 0.75rem}"
        "</style>"
    )
    with st.sidebar, address.checked("headlines", {"model": words.model_label}):
        names, settings = controls(me)
    notice = st.container()
    draw(me, names, settings)
    address.refuse("headlines", me.refused)
    with notice:
        address.complain("headlines")
    if me.unsaid:
        st.fragment(tidy, run_every=0.4)(me, [])


def tidy(me: Desk, calls: list) -> None:
    """Take what was let go of out of the address, once no slider moves any more."""
    calls.append(1)
    if len(calls) > 1:  # the first call belongs to the run of the page
        me.to_address()
        st.rerun()  # which ends the polls


def draw(me: Desk, names: list[str], settings: Settings) -> None:
    """All but the controls."""
    top = st.container()
    typed = beginning(me)
    there, broken, coming = ask_all(names)
    if not there:
        for name in broken:
            st.error(unusable(name, broken), icon=":material/broken_image:")
    if coming:
        # A poll holds up the import of TensorFlow, so there are few until it is in.
        every = 0.3 if engine.ready() else 1.0
        st.fragment(waiting, run_every=every)(coming)
    prefix = prepared(typed, there) if engine.ready() else None
    if prefix is None or not there:
        trouble = engine.ready() and prefix is None
        top.header(
            "This beginning can't be used."
            if trouble
            else "One moment: the network is loading."
            if coming
            else "This network can't be used; choose another.",
            anchor=False,
        )
        if coming and not trouble:
            st.markdown(words.WAITING)
        return
    written = {
        name: me.completions(name, loaded, prefix.text, settings) for name, loaded in there.items()
    }
    forced = [name for name, found in written.items() for w in found for _ in w.forced]
    settle(me, written)
    index, trouble = headline_models.copy_index()
    with top:
        st.header(words.headline(list(there), prefix.text, settings.number, forced), anchor=False)
        st.markdown(how_sure(written))
    st.markdown(f":material/edit_note: {words.INVENTED}")
    columns = st.columns(len(names), gap="medium") if len(names) > 1 else [st.container()]
    for column, name in zip(columns, names):
        with column:
            if name in written:
                show(me, name, written[name], index, titled=len(names) > 1)
            elif name in broken:
                st.error(unusable(name, broken), icon=":material/broken_image:")
            else:
                st.caption(f"{NAMES[name]} is loading.")
    st.caption(f"{words.TINT} {words.index_sentence(index, trouble)}")
    take_along(written, me, prefix.text, settings)
    at = me.shown
    microscope(me, written, settings)
    st.fragment(neuron)(me, there[at.model], written[at.model][at.row].completion.headline)


def settle(me: Desk, written: dict[str, list[Written]]) -> None:
    """Put what is picked under the microscope if it is there, else the least expected character."""
    from rnn_core import writing

    at = me.picked
    if at and at.model in written:
        rows = written[at.model]
        if at.row < len(rows) and at.k < len(rows[at.row].completion.ids):
            me.shown = at
            return
        me.missed()
    name = next(iter(written))
    s = writing.summary(written[name])
    me.shown = Place(name, s.row, s.k)


def unusable(name: str, broken: dict[str, str]) -> str:
    return f"{NAMES[name]} can't be used. {broken[name]}"


def how_sure(written: dict[str, list[Written]]) -> str:
    from rnn_core import text, writing

    if len(written) > 1:
        return words.compare({name: writing.summary(found) for name, found in written.items()})
    (first,) = written.values()
    s = writing.summary(first)
    c = first[s.row].completion
    came = writing.name_of(text.VOCABULARY[c.ids[s.k]])
    return words.detail(s, c.prefix + c.text[: s.k], came)


page()
