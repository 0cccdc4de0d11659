"""What one visitor holds on the Headlines page: settings, completions, the character picked.

Settings live in widgets bound to the address. What is picked and what is forced are kept here and
written to the address too: ``at=lstm.0.14`` and ``forced=lstm.0.14.101`` (model, completion, place,
code point).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from ui.engine import compute_slot
from ui.headline_models import NAMES, Loaded

if TYPE_CHECKING:
    from rnn_core.microscope import Neurons
    from rnn_core.writing import Written

#: Forced characters that the address holds at most.
MOST_FORCED = 40


class Place(NamedTuple):
    model: str
    row: int
    k: int


class Forced(NamedTuple):
    model: str
    row: int
    k: int
    char: str


class Settings(NamedTuple):
    """How completions are drawn; `options` go to the core."""

    top_p: float
    temperature: float
    number: int
    length: int
    seed: int

    @property
    def options(self) -> dict:
        return {
            "top_p": self.top_p,
            "temperature": self.temperature,
            "max_chars": self.length,
            "seed": self.seed,
        }


@dataclass
class Desk:
    picked: Place | None = None  # by the visitor
    shown: Place | None = None  # under the microscope; of its own accord where nothing is picked
    forced: tuple[Forced, ...] = ()
    refused: list[str] = field(default_factory=list)  # what the address says and can't be meant
    _drawn: dict = field(default_factory=dict)  # model -> (key, completions as drawn)
    _written: dict = field(default_factory=dict)  # model -> (asked, applied, completions as forced)
    _read: tuple | None = None

    def completions(
        self, name: str, loaded: Loaded, prefix: str, settings: Settings
    ) -> list[Written]:
        """The completions as they stand, from memory where nothing changed."""
        from rnn_core import writing

        key = (id(loaded.model), prefix, settings)
        if self._drawn.get(name, (None,))[0] != key:
            with compute_slot():
                drawn = writing.write(
                    loaded.model, prefix, samples=settings.number, **settings.options
                )
            self._drawn[name] = (key, drawn)
            self._written.pop(name, None)
        known, applied, written = self._written.get(name, ((), (), self._drawn[name][1]))
        forced = tuple(f for f in self.forced if f.model == name)
        if known != forced:
            if forced[: len(known)] != known:
                known, applied, written = (), (), self._drawn[name][1]
            written = list(written)
            for f in forced[len(known) :]:
                if f.row < len(written) and f.k < len(written[f.row].completion.ids):
                    with compute_slot():
                        written[f.row] = writing.force(
                            loaded.model, written[f.row], f.k, f.char, **settings.options
                        )
                    applied = (*applied, f)
            self._written[name] = (forced, applied, written)
        return written

    def applied(self, name: str) -> tuple[Forced, ...]:
        """What is forced on the completions of ``name`` as they stand; the others find no place."""
        return self._written.get(name, ((), (), []))[1]

    def neurons(self, loaded: Loaded, line: str) -> Neurons:
        from rnn_core import microscope

        key = (id(loaded.model), line)
        if self._read is None or self._read[0] != key:
            with compute_slot():
                self._read = (key, microscope.neurons(loaded.model, line))
        return self._read[1]

    def pick(self, place: Place) -> None:
        self.picked = place
        self.to_address()

    def missed(self) -> None:
        """What is picked is not there: the completions are fewer or shorter, or a link says so."""
        if self.shown is None:
            self.refused.append(f"at={self.address['at']}")
        self.picked = None

    @property
    def full(self) -> bool:
        """Whether as much is forced as the address holds."""
        return len(self.forced) >= MOST_FORCED

    def force(self, place: Place, char: str) -> None:
        if not self.full:
            self.forced = (*self.forced, Forced(*place, char))
            self.pick(place)

    def undo(self) -> None:
        last, self.forced = self.forced[-1], self.forced[:-1]
        self.pick(Place(*last[:3]))

    def clear(self) -> None:
        """Nothing picked or forced: they belonged to other completions."""
        self.picked, self.forced = None, ()

    @property
    def address(self) -> dict[str, str]:
        """What of this belongs in the address; empty where there is nothing to say."""
        forced = "_".join(f"{f.model}.{f.row}.{f.k}.{ord(f.char)}" for f in self.forced)
        return {"at": ".".join(map(str, self.picked)) if self.picked else "", "forced": forced}

    @property
    def unsaid(self) -> dict[str, str]:
        """What the address does not say yet, or says and should not."""
        return {n: v for n, v in self.address.items() if v != st.query_params.get(n, "")}

    def to_address(self) -> None:
        """Bring the address up to date.

        Not in a run that a slider began: with what it writes the server sends all of the address
        as the browser had it a moment before the slider moved, and takes the new value out again.
        """
        for name, value in self.unsaid.items():
            if value:
                st.query_params[name] = value
            else:
                del st.query_params[name]

    @classmethod
    def from_address(cls) -> Desk:
        """What a link says; what can't be meant is ``refused``."""
        found = cls()
        if asked := st.query_params.get("at"):
            if at := _numbers(asked, 2):
                found.picked = Place(*at)
            else:
                found.refused.append(f"at={asked}")
        for part in filter(None, st.query_params.get("forced", "").split("_")):
            one = _numbers(part, 3)
            if one and (one[3] == 10 or 32 <= one[3] < 127) and not found.full:
                found.forced += (Forced(*one[:3], chr(one[3])),)
            else:
                found.refused.append(f"forced={part}")
        return found


def _numbers(text: str, count: int) -> tuple | None:
    name, *rest = text.split(".")
    digits = all(part.isascii() and part.isdigit() and len(part) < 4 for part in rest)
    if name not in NAMES or len(rest) != count or not digits:
        return None
    return (name, *map(int, rest))


def desk() -> Desk:
    """This visitor's desk, made on first use from the address."""
    if "desk" not in st.session_state:
        st.session_state.desk = Desk.from_address()
    return st.session_state.desk
