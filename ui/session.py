"""What one visitor holds: the run, the earlier runs of this visit, whether it trains.

The run lives in ``st.session_state``, so changing page and coming back keeps it. It is not kept
over a reload of the page: the address then reproduces the settings, and the same settings with
the same seed give the same run.

For every page:

    current_run()     the visitor's AdditionRun as it stands, or None
    is_training()     whether it is being trained in this visit, on whatever page
    keep_training()   a fragment that goes on training; app.py calls it on every page but Train
    compute_slot()    hold one while computing (see ui/engine.py)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import engine
from ui.engine import compute_slot

if TYPE_CHECKING:
    import pandas as pd

    from rnn_core.training import AdditionRun

__all__ = ["Visit", "compute_slot", "current_run", "is_training", "keep_training", "visit"]

#: A poll trains for at most this long, so that a click is answered soon after it.
BUDGET = 0.1

#: Speed by name: seconds between two polls, and steps a poll (None: as many as BUDGET allows).
SPEEDS: dict[str, tuple[float, int | None]] = {
    "2 steps/s": (0.5, 1),
    "10 steps/s": (0.2, 2),
    "50 steps/s": (0.2, 10),
    "200 steps/s": (0.2, 40),
    "Flat out": (0.15, None),
}
DEFAULT_SPEED = "50 steps/s"


@dataclass
class PastRun:
    """An earlier run of this visit: enough to draw its curve and to go back to its settings."""

    number: int
    settings: Any
    history: pd.DataFrame
    step: int
    verdict: str


@dataclass
class Visit:
    """One visitor's state. ``run`` is None until the core is imported."""

    run: AdditionRun | None = None
    number: int = 1
    training: bool = False
    solved_at: int | None = None
    past: list[PastRun] = field(default_factory=list)
    widths: pd.DataFrame | None = None
    widths_step: int = -1
    widths_time: float = 0.0
    rate: tuple[float, int] | None = None


def visit() -> Visit:
    """This visitor's state, made on first use."""
    if "visit" not in st.session_state:
        st.session_state.visit = Visit()
    return st.session_state.visit


def current_run() -> AdditionRun | None:
    """The run of this visit as it stands, or None where nothing was trained yet."""
    run = visit().run
    return run if run is not None and run.step > 0 else None


def is_training() -> bool:
    return visit().training


def keep_training() -> None:
    """Go on training here if this visit is training, with one line that says so.

    A person who presses Run and changes page expects it to go on, as it does in a notebook beside
    another tab. The page around this line stands still at the step it was drawn for.
    """
    if is_training():
        st.fragment(_train_on, run_every=SPEEDS[speed()][0])()


def _train_on() -> None:
    me = visit()
    if me.training:
        advance()
    words, pause, show = st.columns([6, 1, 1], vertical_alignment="center")
    words.caption(
        f"Training goes on: step {me.run.step:,}."
        if me.training
        else f"Training stopped at step {me.run.step:,}."
    )
    if me.training and pause.button("Pause", key="away_pause", type="tertiary"):
        me.training = False
        st.rerun()
    if show.button("Show this step", key="away_show", type="tertiary"):
        st.rerun()


def speed() -> str:
    return st.session_state.get("speed", DEFAULT_SPEED)


def advance(steps: int | None = None) -> None:
    """Train the current run by ``steps``, or by what one poll at the chosen speed allows."""
    me = visit()
    steps = steps or SPEEDS[speed()][1]
    with compute_slot():
        if steps is None:
            me.run.advance_for(BUDGET)
        else:
            me.run.advance(steps)
