"""Whose network the Gates page shows, and its analyses, each computed once for all visitors.

Weights never change once made, so an analysis of a network is a fact: it is kept under the network
itself and the question, the longest unused going first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rnn_core.settings import AdditionSettings
from ui import session, words

if TYPE_CHECKING:
    from rnn_core.addition import Adder

FOLDER = Path(__file__).resolve().parent.parent / "pretrained" / "adder"

#: Snapshots that the curve over training looks at.
LOOKS = 20


class Memo:
    """Results by network and question, at most ``limit`` of them."""

    def __init__(self, limit: int = 512):
        self.limit = limit
        self._kept: OrderedDict[tuple, tuple[Any, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, function: Callable, model: Adder, *args, **options) -> Any:
        """``function(model, *args, **options)``, computed in a compute slot if it isn't kept."""
        key = function.__name__, id(model), args, tuple(sorted(options.items()))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][1]
        with session.compute_slot():
            value = function(model, *args, **options)
        with self._lock:
            # The network is kept with its results, so its id can't pass to another one.
            self._kept[key] = model, value
            while len(self._kept) > self.limit:
                self._kept.popitem(last=False)
        return value


_memo = Memo()
ask = _memo.get


@dataclass(frozen=True)
class Source:
    """A network with its past: ``snapshots`` is a list of (step, Adder), the newest last."""

    snapshots: tuple[tuple[int, Adder], ...]
    settings: AdditionSettings
    own: bool  # trained in this visit

    @property
    def steps(self) -> list[int]:
        return [step for step, _ in self.snapshots]

    @cached_property
    def models(self) -> dict[int, Adder]:
        return dict(self.snapshots)

    @property
    def whose(self) -> str:
        s = self.settings
        what = (
            f"{words.UNITS[s.unit]}, {s.units} units, trained on {s.bits}-bit sums,"
            f" {words.ORDERS[s.order].lower()}, seed {s.seed}"
        )
        if self.own:
            return f"The network of this visit: {what}"
        return f"A network trained beforehand: {what}"

    def looks(self) -> list[tuple[int, Adder]]:
        """At most about `LOOKS` snapshots spread over training, the first and the newest among them."""
        stride = -(-len(self.snapshots) // LOOKS)
        return [*self.snapshots[:-1:stride], self.snapshots[-1]]


def source() -> Source:
    """The run of this visit as it stands, or the network in pretrained/adder.

    Raises CheckpointError if it is needed and can't be read.
    """
    run = session.current_run()
    if run is None:
        return _pretrained()
    return Source(tuple(run.timeline()), run.settings, True)


@st.cache_resource(show_spinner=False)
def _pretrained() -> Source:
    from rnn_core import checkpoint

    config = checkpoint.read_config(FOLDER)
    along = checkpoint.read_config(FOLDER / "snapshots")
    try:
        settings, step, steps = config["settings"], int(config["step"]), list(along["steps"])
        settings = AdditionSettings(**settings)
    except (KeyError, TypeError, ValueError) as error:
        raise checkpoint.CheckpointError(
            f"{FOLDER / checkpoint.CONFIG}: fields 'settings', 'step' and 'steps' of the snapshots"
            f" are not as they were saved ({error!r})"
        ) from error
    now = step, checkpoint.load(FOLDER)
    past = zip(steps, checkpoint.load(FOLDER / "snapshots"))
    return Source((*(s for s in past if s[0] < step), now), settings, False)
