"""What one visitor holds: the run, the earlier runs of this visit, whether it trains.

The run lives in ``st.session_state``, so changing page and coming back keeps it. It is not kept
over a reload: the address then gives the same settings, and the same settings and seed give the
same run.

For every page:

    current_run()     the visitor's AdditionRun as it stands, or None before the first step
    is_training()     whether it is being trained in this visit, on whatever page
    compute_slot()    hold one while computing (see ui/engine.py)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import streamlit as st

from rnn_core.settings import LIVE, AdditionSettings
from ui import charts, downloads, engine, words
from ui.engine import compute_slot

if TYPE_CHECKING:
    import pandas as pd

    from rnn_core.report import Measurement
    from rnn_core.training import AdditionRun

__all__ = ["Visit", "compute_slot", "current_run", "is_training", "visit"]

#: Seconds that a poll may train, and then measure: a click is answered soon after.
TRAIN_BUDGET, MEASURE_BUDGET = 0.08, 0.05

#: Speed by name: seconds between two polls, steps a poll (None: as many as TRAIN_BUDGET allows).
SPEEDS: dict[str, tuple[float, int | None]] = {
    "2 steps/s": (0.5, 1),
    "20 steps/s": (0.2, 4),
    "100 steps/s": (0.2, 20),
    "Flat out": (0.15, None),
}
DEFAULT_SPEED = "20 steps/s"

#: When to stop by itself: once every sum tried of that width is right.
STOPS = ("Never", "Trained width", "1,000 bits")
DEFAULT_STOP = "1,000 bits"

#: What one visit may keep: earlier runs, and steps of the current one.
PAST_RUNS, STEPS = 8, 100_000


@dataclass
class PastRun:
    """An earlier run of this visit: its curve, and what it came to."""

    number: int
    settings: AdditionSettings
    history: pd.DataFrame
    step: int
    outcome: str


@dataclass
class Visit:
    """One visitor's state.

    A click starts a script of its own while the poll before it may still be at work in another
    thread, so both hold ``_lock`` where they change the run: short, and never while waiting for
    a compute slot.
    """

    settings: AdditionSettings = field(default_factory=AdditionSettings)
    run: AdditionRun | None = None  # None until the core is imported
    number: int = 1
    training: bool = False
    pending: int = 0  # single steps asked for, not made yet
    waiting: bool = False  # for its program to be compiled
    settling: bool = False  # solved a few steps back: stands still to see whether it still is
    speed: str = DEFAULT_SPEED
    stop: str = DEFAULT_STOP
    legs: list[tuple[int, AdditionSettings]] = field(default_factory=list)
    past: list[PastRun] = field(default_factory=list)
    measuring: Measurement | None = None
    measured: Measurement | None = None
    rate: float = 0.0  # steps a second, as seen
    note: str = ""  # what the last change of settings did
    error: str = ""
    _mark: tuple[float, int] | None = None
    _files: dict = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def step(self) -> int:
        return self.run.step if self.run else 0

    @property
    def busy(self) -> bool:
        """Whether a poll has work to do: train, measure, or wait for the core."""
        if self.run is None:
            return not self.error
        return self.training or self.pending > 0 or self.behind

    @property
    def interval(self) -> float:
        """Seconds between two polls."""
        if self.run is None:  # TensorFlow is being imported, and a poll holds up the import
            return 1.0
        return SPEEDS[self.speed][0] if self.training else 0.2

    @property
    def wanted(self) -> bool:
        """Whether there are steps to make."""
        return (self.training and not self.settling) or self.pending > 0

    @property
    def behind(self) -> bool:
        """Whether the counts shown belong to an earlier step than the network's."""
        return self.step > 0 and (
            self.measured is None or self.measured.model is not self.run.model
        )

    @property
    def answers(self) -> bool:
        """Whether the network can be asked for a sum."""
        return self.run is not None and engine.warm(self.run.settings)

    @property
    def answers_soon(self) -> bool:
        """Whether it will be without anybody's doing."""
        return self.run is None or engine.compiling(self.run.settings)

    def begin(self) -> bool:
        """Make the run once the core is there; whether it is."""
        with self._lock:
            if self.run is None and engine.wait(0):
                from rnn_core.training import AdditionRun

                self.run = AdditionRun(self.settings)
                self.legs = [(0, self.settings)]
            return self.run is not None

    def apply(self, settings: AdditionSettings) -> None:
        """Take the settings on the page: to the run as it stands, or to a new one."""
        if settings != self.settings:
            with self._lock:
                self._apply(settings)

    def _apply(self, settings: AdditionSettings) -> None:
        old, self.settings = self.settings, settings
        if self.run is None:
            return
        live = {name: getattr(settings, name) for name in LIVE}
        if replace(old, **live) == settings:
            self.run.settings = settings
            self._leg(settings)
            self.note = (
                f"From step {self.step:,} on: rate {settings.learning_rate:g},"
                f" noise {settings.noise:g}."
                if self.step
                else ""
            )
        else:
            kept = self.keep()
            self.run = None
            self._restart()
            self.begin()
            self.note = "A new run; the earlier one is the pale curve." if kept else ""

    def keep(self) -> bool:
        """Put the run among the earlier ones, if it ever moved."""
        if not self.step:
            return False
        m = self.measured
        outcome = words.counts(m) if m is not None and m.step else f"Step {self.step:,}."
        history = charts.thin(self.run.history)
        past = PastRun(self.number, self.legs[0][1], history, self.step, outcome)
        self.past = [*self.past, past][-PAST_RUNS:]
        self.number += 1
        return True

    def reset(self) -> None:
        """The same initial weights again, under the settings as they are now."""
        with self._lock:
            self.training, self.pending, self.waiting = False, 0, False
            if self.run is not None:
                self.keep()
                self.run.reset()
                self.legs = [(0, self.settings)]
            self._restart()

    def press_run(self) -> None:
        self.training, self.settling, self._mark = True, False, None
        self.note = self.error = ""

    def press_pause(self) -> None:
        self.training = False

    def press_step(self, steps: int) -> None:
        with self._lock:  # `_train` reads it and sets it to zero
            self.training, self.note, self.error = False, "", ""
            self.pending += steps

    def poll(self) -> None:
        """One poll's work: some steps, some measuring. Draws nothing."""
        try:
            if not self.begin():
                return
            run = self.run
            compiled = engine.compiled(run.settings)
        except RuntimeError as error:
            self.training, self.pending, self.waiting, self.error = False, 0, False, str(error)
            return
        self.waiting = self.wanted and not compiled
        if self.wanted and compiled:
            with compute_slot(), self._lock:
                if run is self.run and self.wanted:  # no click came while it waited for the slot
                    self._train()
        if (self.measuring is not None or self.behind) and engine.warm(run.settings):
            with compute_slot(), self._lock:
                if run is self.run:
                    self._measure()

    def _train(self) -> None:
        steps = self.pending or SPEEDS[self.speed][1]
        self.pending = 0
        if steps is None:
            self.run.advance_for(TRAIN_BUDGET)
        else:
            self.run.advance(steps)
        self._clock()
        if self.lost:
            self.training = False
        if self.training and self.step >= STEPS:
            self.training = False
            self.note = f"Stopped at {STEPS:,} steps, the most that a visit keeps."

    def _measure(self) -> None:
        if self.measuring is None and self.behind:
            from rnn_core.report import Measurement

            bits = self.run.settings.bits
            self.measuring = Measurement(self.run.model, bits=bits, step=self.step)
        if self.measuring is not None and self.measuring.advance_for(MEASURE_BUDGET):
            self.measured, self.measuring = self.measuring, None
            solved = self.training and self.solved(self.measured)
            self.settling = solved and self.behind
            if solved and not self.settling:
                self.training = False

    def file(self, kind: str) -> bytes | Callable[[], bytes]:
        """What a download holds, or while training, how to make it once it is asked for.

        Made once where the run stands: a file made on demand has an address of its own, which a
        run of the script meanwhile would take away.
        """
        make = {
            "Weights": lambda: downloads.weights(self.run),
            "History": lambda: downloads.history(self.run),
            "Script": lambda: downloads.script(self.step, self.legs).encode(),
        }[kind]
        if self.training:
            return make
        stand = (self.number, self.step, tuple(self.legs))
        if self._files.get("stand") != stand:
            self._files = {"stand": stand}
        if kind not in self._files:
            self._files[kind] = make()
        return self._files[kind]

    @property
    def lost(self) -> bool:
        """Whether the loss is no longer a number."""
        return self.run is not None and self.run.diverged

    def solved(self, m: Measurement) -> bool:
        """Whether ``m`` is what this visit stops at."""
        if self.stop == "Never" or not m.step:
            return False
        return m.solved(m.bits) and (self.stop == "Trained width" or m.solved(words.FURTHEST))

    def _leg(self, settings: AdditionSettings) -> None:
        self.legs = [leg for leg in self.legs if leg[0] < self.step] + [(self.step, settings)]

    def _restart(self) -> None:
        self.measuring = self.measured = self._mark = None
        self.settling = False
        self.rate, self.note, self.error = 0.0, "", ""

    def _clock(self) -> None:
        """Steps a second over the last second or so."""
        now = time.monotonic()
        if self._mark is None or self._mark[1] > self.step or now - self._mark[0] > 5:
            self._mark = (now, self.step)
        elif now - self._mark[0] > 1:
            self.rate = (self.step - self._mark[1]) / (now - self._mark[0])
            self._mark = (now, self.step)


def visit() -> Visit:
    """This visitor's state, made on first use."""
    if "visit" not in st.session_state:
        st.session_state.visit = Visit()
    return st.session_state.visit


def current_run() -> AdditionRun | None:
    """The run of this visit as it stands, or None where nothing was trained yet."""
    me = visit()
    return me.run if me.step else None


def is_training() -> bool:
    return visit().training
