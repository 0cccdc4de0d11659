"""The Train page: a recipe, a transport, and curves that move."""

from __future__ import annotations

import streamlit as st

from ui import address, charts, engine, equations, inputs, words
from ui.recipe import recipe
from ui.session import DEFAULT_SPEED, DEFAULT_STOP, SPEEDS, STOPS, Visit, visit

#: The longest number of "Try it".
BITS = 1000

FILES = (
    (
        "Weights",
        "safetensors",
        "application/octet-stream",
        "The network as it stands, as .safetensors.",
    ),
    ("History", "csv", "text/csv", "Every step's losses and accuracies, as CSV."),
    (
        "Script",
        "py",
        "text/x-python",
        "A short Python script that gives the same run with rnn_core.",
    ),
)


def transport(me: Visit) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="transport"):
        # Both always stand there: a button that came and went would move the others, and a press
        # that falls into such a move lands on its neighbour.
        st.button(
            "Run",
            key="run",
            icon=":material/play_arrow:",
            type="primary",
            on_click=me.press_run,
            disabled=me.training,
            help="Train at the speed chosen.",
        )
        st.button(
            "Pause",
            key="pause",
            icon=":material/pause:",
            on_click=me.press_pause,
            disabled=not me.training,
            help="Hold the network as it is.",
        )
        for steps in (1, 10):
            st.button(
                f"Step {steps}",
                key=f"step{steps}",
                on_click=me.press_step,
                args=(steps,),
                help=f"Train {steps} {'step' if steps == 1 else 'steps'} and stop.",
            )
        st.button(
            "Reset",
            key="reset",
            icon=":material/replay:",
            on_click=me.reset,
            help="Back to the same initial weights; the curve so far stays, pale.",
        )
        me.speed = st.selectbox(
            "Speed",
            list(SPEEDS),
            list(SPEEDS).index(DEFAULT_SPEED),
            key="speed",
            width=130,
            persist_state="session",
            help="From slow enough to watch to as fast as it goes.",
        )
        me.stop = st.selectbox(
            "Stop when solved",
            list(STOPS),
            list(STOPS).index(DEFAULT_STOP),
            key="stop",
            width=150,
            persist_state="session",
            help="Stop by itself once every sum tried of this width is right.",
        )
        st.selectbox(
            "Loss axis",
            ["Linear", "Log"],
            key="scale",
            width=110,
            persist_state="session",
            help="Log shows how a small loss still falls.",
        )


def live(log: bool) -> None:
    """What moves: the verdict and the two charts. Polled while there is work."""
    me = visit()
    before = me.run is None, me.busy, me.training
    if me.busy:
        me.poll()
    history = me.run.history if me.run else None
    st.header(headline(me), anchor=False)
    st.markdown(detail(me))
    if me.error:
        st.error(me.error, icon=":material/error:")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.vega_lite_chart(
            spec=charts.with_rows(
                charts.loss_spec(log),
                charts.loss_rows(history, [(p.number, p.history) for p in me.past]),
            ),
            key="loss_log" if log else "loss_linear",
            alt="Training and validation loss over steps, with the earlier runs of this visit",
        )
        st.caption(words.loss_sentence(history, len(me.past)))
    with right:
        st.vega_lite_chart(
            spec=charts.with_rows(
                charts.width_spec(), charts.width_rows(me.measured, me.settings.bits)
            ),
            key="widths",
            alt="Share of sums wholly right by width of the sum, up to 1,000 bits",
        )
        st.caption(words.width_sentence(me.measured))
    if any(was and not now for was, now in zip(before, (me.run is None, me.busy, me.training))):
        st.rerun()  # the rest of the page has to know: the core is in, or it has come to rest


def headline(me: Visit) -> str:
    if me.run is None:
        return (
            "TensorFlow could not be loaded." if me.error else "One moment: TensorFlow is loading."
        )
    if me.waiting:
        return "One moment: this network is being compiled, once for all its runs."
    return words.headline(me.measured, me.step, lost=me.lost, order=me.settings.order)


def detail(me: Visit) -> str:
    """The counts, then how fast and what changed, on one line."""
    parts = [words.counts(me.measured)] if me.measured else []
    if me.training:
        pace = f", {me.rate:,.0f} steps/s" if me.rate else ""
        parts.append(f":gray[Now at step {me.step:,}{pace}.]")
    if me.note:
        parts.append(f":gray[{me.note}]")
    return " ".join(parts) or ":gray[The counts come with the first steps.]"


def try_it(waited: bool) -> None:
    """Two integers, the network's sum, and its bits."""
    me = visit()
    left, right = st.columns(2, gap="small")
    texts = [
        column.text_input(
            name,
            value,
            key=f"try_{name}",
            bind="query-params",
            help=f"A whole number of up to {BITS:,} bits (about 302 digits).",
        )
        for column, name, value in ((left, "a", "1023"), (right, "b", "1"))
    ]
    numbers = []
    for column, name, text in zip((left, right), "ab", texts):
        try:
            numbers.append(inputs.whole_number(text, name, bits=BITS))
        except ValueError as error:
            column.error(str(error), icon=":material/error:")
    if len(numbers) < 2:
        return
    if waited and not me.answers_soon:
        st.rerun()  # which ends the polls
    if not me.answers:
        st.caption(
            "The network answers as soon as it is compiled."
            if waited
            else "The network answers once it is compiled, which its first step begins."
        )
        return
    from rnn_core.addition import work_out
    from rnn_core.report import bit_table

    with engine.compute_slot():
        result = work_out(me.run.model, *numbers)
        table = bit_table(result)
    st.markdown(words.sum_sentence(result, table, me.step))
    long = len(table) > charts.LINE
    st.vega_lite_chart(
        spec=charts.with_rows(charts.strip_spec(long), charts.strip_rows(table)),
        width=charts.strip_width(table),
        key="strip_long" if long else "strip_short",
        alt="The bits of the sum, highest first; wrong ones carry a cross",
    )
    st.caption(words.strip_sentence(table, long))


def take_along(me: Visit) -> None:
    """Earlier runs and downloads."""
    if me.past:
        st.subheader("Runs of this visit", anchor=False)
        st.dataframe(
            [
                {"run": p.number, "recipe": words.describe(p.settings), "result": p.outcome}
                for p in reversed(me.past)
            ],
            hide_index=True,
            alt="Earlier runs of this visit, the newest first",
            column_config={
                "run": st.column_config.NumberColumn(width=60),
                "recipe": st.column_config.TextColumn(width=360),
                "result": st.column_config.TextColumn(width=520),
            },
        )
    if me.run is None:
        return
    name = f"adder-{me.settings.unit}-{me.settings.units}-seed{me.settings.seed}"
    with st.container(horizontal=True, vertical_alignment="center", key="downloads"):
        for kind, suffix, mime, help in FILES:
            st.download_button(
                kind,
                me.file(kind),
                f"{name}.{suffix}",
                mime,
                key=f"{suffix}_file",
                icon=":material/download:",
                on_click="ignore",
                help=help,
            )
        st.page_link("ui/gates.py", label="Open this network on Gates", icon=":material/grid_on:")


me = visit()
# On a busy machine a poll takes a while; what it will redraw need not fade until then.
st.html("<style>[data-stale=true] {opacity: 1 !important}</style>")
top = st.container()
with st.sidebar:
    settings = recipe()
    st.divider()
    st.caption(f"**{words.UNITS[settings.unit]}**, as in rnn_core/cells.py")
    st.latex(equations.latex(settings.unit))
    st.caption(equations.NOTES[settings.unit])
with top:
    address.complain("train")
me.apply(settings)
transport(me)
log = st.session_state.get("scale") == "Log"
st.fragment(live, run_every=me.interval if me.busy else None)(log)
st.subheader("Try it", anchor=False)
soon = me.answers_soon
st.fragment(try_it, run_every=1.0 if me.training or soon else None)(soon)
take_along(me)
