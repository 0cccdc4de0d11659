"""The character models, loaded once for the whole process and compiled in the background.

A model is loaded when a visitor first asks for it, in a thread, so that the page stays painted;
`ask` says how that stands. What was loaded is kept as long as its files stay the same, so a
repaired folder is read again by itself.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ui import engine

if TYPE_CHECKING:
    from rnn_core.copied import CopyIndex
    from rnn_core.language import CharLM

log = logging.getLogger(__name__)

#: Where the models lie; another place for one's own.
FOLDER = "CARRY_THE_ONE_MODELS"
NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "Simple RNN"}


class Loaded(NamedTuple):
    model: CharLM
    seen: str | None  # the characters of its training text, where config.json has them


class Unreadable(Exception):
    """A model that can't be used: one sentence naming file and field."""


_lock = threading.Lock()
_found: dict[str, tuple[Any, Loaded | str]] = {}  # or what is wrong with it
_loading: set[tuple[str, Any]] = set()
_index: list[tuple[Any, CopyIndex | None, str]] = []


def pretrained() -> Path:
    return Path(os.environ.get(FOLDER) or Path(__file__).resolve().parent.parent / "pretrained")


def folder(name: str) -> Path:
    return pretrained() / f"headlines-{name}"


def ask(name: str) -> Loaded | None:
    """The model ``name``; None while it is on its way. Raises `Unreadable`."""
    if not engine.wait(0):
        return None
    stamp = _stamp(folder(name))
    with _lock:
        known, found = _found.get(name, (None, None))
        if known == stamp:
            if isinstance(found, str):
                raise Unreadable(found)
            return found
        if (name, stamp) not in _loading:
            _loading.add((name, stamp))
            threading.Thread(target=_load, args=(name, stamp), daemon=True).start()
    return None


def copy_index() -> tuple[CopyIndex | None, str]:
    """The index of the training text, or None and a sentence that says why not."""
    place = pretrained() / "training-index"
    stamp = _stamp(place)
    with _lock:
        if not _index or _index[0][0] != stamp:
            _index[:] = [(stamp, *_load_index(place))]
        return _index[0][1:]


def _load(name: str, stamp: Any) -> None:
    found: Loaded | str
    try:
        from rnn_core import checkpoint, microscope, sampling
        from rnn_core.language import CharLM

        model, config = checkpoint.read(folder(name))
        if not isinstance(model, CharLM):
            raise checkpoint.CheckpointError(
                f"{folder(name) / checkpoint.CONFIG}: field 'model' must be a CharLM,"
                f" got {type(model).__name__}"
            )
        seen = config.get("seen")
        with engine.compute_slot():
            sampling.complete(model, "", max_chars=1)  # compiles the loop, once a shape
            microscope.neurons(model, "a")
        found = Loaded(model, seen if isinstance(seen, (str, list)) else None)
    except Exception as error:
        if not isinstance(error, ValueError):
            log.exception("loading %s failed", folder(name))
        found = str(error)
    with _lock:
        _found[name] = (stamp, found)
        _loading.discard((name, stamp))
    if isinstance(found, Loaded):
        engine.freeze()  # what tracing leaves behind lives as long as the process


def _load_index(place: Path) -> tuple[CopyIndex | None, str]:
    from rnn_core.copied import CopyIndex

    if not place.is_dir():
        return None, "There is no index of the training text here, so copies can't be looked for."
    try:
        return CopyIndex.load(place), ""
    except (OSError, ValueError) as error:
        return None, f"The index of the training text can't be read: {error}"


def _stamp(place: Path) -> Any:
    try:
        return str(place), tuple(
            (file.name, file.stat().st_mtime_ns, file.stat().st_size)
            for file in sorted(place.iterdir())
        )
    except OSError:
        return str(place), None
