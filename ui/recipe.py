"""The recipe: every setting of a run as a control, and in the address bar."""

from __future__ import annotations

from dataclasses import fields, replace

import streamlit as st

from rnn_core.settings import DATA, LOSSES, ORDERS, UNITS, WEIGHTS, AdditionSettings
from ui import address, words

DEFAULTS = AdditionSettings()
PRESETS = {"Exact": DEFAULTS, "Tutorial, 2017": AdditionSettings.tutorial()}
SIZES = [1, 2, 4, 8, 16, 32, 64]
BATCHES = [10, 20, 50, 100, 200, 500]
RATES = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]
#: Fields of the recipe that a preset sets; the seed is the visitor's own.
PRESET_FIELDS = [f.name for f in fields(AdditionSettings) if f.name != "seed"]

PRESETS_HELP = (
    "Exact learns in 200 steps to add numbers of up to 10,000 bits (none wider were tried). "
    "Tutorial, 2017 is the recipe of the tutorial this began with: fixed examples, squared "
    "loss, no noise."
)

#: What the address calls the values of a choice.
LABELS = {
    "unit": words.UNITS.get,
    "order": words.ORDERS.get,
    "loss": words.LOSSES.get,
    "data": words.DATA.get,
    "weights": words.WEIGHTS.get,
}


def recipe() -> AdditionSettings:
    """The settings that the controls hold."""
    with address.checked("train", LABELS):
        return controls()


def controls() -> AdditionSettings:
    """The controls. Each keeps its value in the address, where it differs from the default."""
    above = st.container()
    unit = choice("unit", UNITS, "The kind of recurrent cell.")
    units = sizes("units", "Units", SIZES, "How many numbers the network remembers.")
    bits = st.slider(
        "Bits in a sum",
        2,
        16,
        DEFAULTS.bits,
        key="bits",
        bind="query-params",
        help="Training sums have this many bits; the page then tries the network on up to 1,000.",
    )
    rate = sizes(
        "learning_rate",
        "Learning rate",
        RATES,
        "How far Adam moves the weights at each step; acts at once while training.",
        format_func=lambda value: f"{value:g}",
    )
    noise = st.slider(
        "Noise on the hidden state",
        0.0,
        1.0,
        DEFAULTS.noise,
        0.05,
        key="noise",
        bind="query-params",
        help="Standard deviation of noise added to the memory while training; it makes the memory "
        "discrete, so that it lasts. Acts at once.",
    )
    order = choice(
        "order",
        ORDERS,
        "In which order the bits are read. Highest first, a one-way network cannot know the carry.",
    )
    with st.expander("More"):
        loss = choice("loss", LOSSES, "What training makes small.")
        data = choice(
            "data",
            DATA,
            "Fresh sums at every step, or one fixed batch over and over.",
        )
        weights = choice(
            "weights",
            WEIGHTS,
            "How weights are drawn at the start: Glorot's width, or the tutorial's 0.01.",
        )
        batch = sizes("batch_size", "Sums in a batch", BATCHES, "Sums that each step learns from.")
    seed = st.number_input(
        "Seed",
        0,
        2**31 - 1,
        DEFAULTS.seed,
        key="seed",
        bind="query-params",
        help="The same seed gives the same weights, sums and noise: the same run.",
    )
    st.caption(
        "Rate and noise act at once. Anything else starts a new run and keeps this curve, pale. "
        "The address holds all settings: a link, or a reload, begins the same run again."
    )
    settings = AdditionSettings(
        unit, units, bits, batch, rate, loss, noise, data, order, int(seed), weights
    )
    # Drawn last, though they stand first: on the first run only now are the address's values known.
    presets(above, preset_of(settings))
    return settings


def presets(place, chosen: str | None) -> None:
    """The presets, the chosen one marked.

    Buttons, not a control that holds a value: what the page sets and the browser does not know yet
    would come back with the next slider as if somebody had picked it.
    """
    place.html(
        "<style>.st-key-presets [data-testid=stBaseButton-primary] {background: transparent;"
        " color: inherit; border: 2px solid currentColor}</style>"
    )
    place.markdown("Recipe", help=PRESETS_HELP)
    row = place.container(horizontal=True, key="presets")
    for name in PRESETS:
        row.button(
            name,
            key=f"preset_{name}",
            type="primary" if name == chosen else "secondary",
            width="stretch",
            on_click=take_preset,
            args=(name,),
        )


def preset_of(settings: AdditionSettings) -> str | None:
    """The preset these settings are, whatever their seed."""
    return next((n for n, p in PRESETS.items() if replace(p, seed=settings.seed) == settings), None)


def choice(name: str, options, help: str):
    return st.selectbox(
        name.capitalize() if name != "weights" else "First weights",
        list(options),
        list(options).index(getattr(DEFAULTS, name)),
        format_func=LABELS[name],
        key=name,
        bind="query-params",
        help=help,
    )


def sizes(name: str, label: str, options: list, help: str, **more):
    return st.select_slider(
        label,
        options,
        getattr(DEFAULTS, name),
        key=name,
        bind="query-params",
        help=help,
        **more,
    )


def take_preset(name: str) -> None:
    """Move every control to the preset's value; a click on the chosen one changes nothing."""
    for field in PRESET_FIELDS:
        st.session_state[field] = getattr(PRESETS[name], field)
