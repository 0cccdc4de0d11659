"""The process behind all visitors: TensorFlow's import, compiled programs, fair compute.

Nothing here belongs to one visitor. TensorFlow takes seconds to import, so it is imported in a
thread while the page is already painted; a page asks `ready()` before it reaches for the core.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from rnn_core.settings import AdditionSettings

log = logging.getLogger(__name__)

_SLOTS = threading.BoundedSemaphore(os.cpu_count() or 1)
_lock = threading.Lock()
_thread: threading.Thread | None = None
_imported = threading.Event()
_failure: list[BaseException] = []
_compiling: dict[Any, threading.Thread] = {}
_warm: set[Any] = set()
_errors: dict[Any, str] = {}


@asynccontextmanager
async def lifespan(app):
    """Start with the server, before the first visitor comes."""
    start()
    yield


def start() -> None:
    """Import TensorFlow and compile the default programs in a thread; again: nothing."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_prepare, name="engine", daemon=True)
            _thread.start()


class CoreMissing(RuntimeError):
    """TensorFlow or the core could not be imported."""


def ready() -> bool:
    """Whether the core is imported. False means: draw what needs no core, and look again."""
    return _imported.is_set() and not _failure


def wait(timeout: float | None = None) -> bool:
    """Block until the core is imported; CoreMissing says why it could not be."""
    start()
    _imported.wait(timeout)
    if _failure:
        raise CoreMissing(f"The core could not be imported: {_failure[0]}") from _failure[0]
    return ready()


@contextmanager
def compute_slot() -> Iterator[None]:
    """Hold one of as many slots as there are cores, so that many visitors share them fairly.

    Keep it short (about 100 ms) and draw nothing inside.
    """
    with _SLOTS:
        yield


def compiled(settings: Any) -> bool:
    """Whether ``settings`` can train at once; if not, compile its programs in a thread.

    A program serves every visitor with the same shapes. One that something else compiled is still
    warmed for measuring. Raises RuntimeError when compiling failed.
    """
    if not wait(0):
        return False
    from rnn_core import training

    key, done = training.program_key(settings), training.is_compiled(settings)
    if done and key in _warm:
        return True
    with _lock:
        if key in _errors:
            raise RuntimeError(_errors.pop(key))
        if key not in _compiling:
            _warm.discard(key)
            _compiling[key] = threading.Thread(
                target=_compile, args=(key, settings), name="engine-compile", daemon=True
            )
            _compiling[key].start()
    return done


def warm(settings: Any) -> bool:
    """Whether measuring a network of these settings needs no compiling either."""
    if not ready():
        return False
    from rnn_core import training

    return training.program_key(settings) in _warm


def compiling(settings: Any) -> bool:
    """Whether a thread is at work on what `warm` waits for."""
    if not ready():
        return False
    from rnn_core import training

    key = training.program_key(settings)
    return key in _compiling and key not in _warm


def _prepare() -> None:
    try:
        # What the pages draw with comes first: the first visitor waits for that, not for TensorFlow.
        from ui import charts  # noqa: F401

        started = time.perf_counter()
        with _collector_off():
            from rnn_core import training  # this is the import of TensorFlow
        _tame_streamlit()
        log.info("core imported in %.1f s", time.perf_counter() - started)
    except BaseException as error:
        log.exception("the core could not be imported")
        _failure.append(error)
        return
    finally:
        _imported.set()
    for settings in (AdditionSettings(), AdditionSettings.tutorial()):
        compiled(settings)
        # One after the other: somebody may be waiting for the first.
        if thread := _compiling.get(training.program_key(settings)):
            thread.join()


def _compile(key: Any, settings: Any) -> None:
    from rnn_core import addition, analysis, training

    try:
        model = training.initial_model(settings)
        training.chunk_for(settings)
        time.sleep(0.5)  # whoever waits gets a first point before what measures is compiled
        training.warm_up(settings)
        addition.add(model, 1024, 16)
        with _lock:
            _warm.add(key)
        analysis.warm_up(model)  # what the Gates page asks of it
        freeze()  # tracing leaves a graph of Python objects that lives as long as the process
    except Exception as error:
        log.exception("compiling %s failed", key)
        _errors[key] = f"This network could not be compiled: {error}"
    finally:
        with _lock:
            _compiling.pop(key, None)


def freeze() -> None:
    """Have the garbage collector pass over all that is alive now: it lives as long as the process.

    What an earlier call set apart is looked at once more, for there are visits among it that have
    ended since.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep the garbage collector from looking at what an import makes, all of which stays.

    It takes a fifth of TensorFlow's import, and more where a page is drawn meanwhile: Streamlit
    calls ``gc.collect(2)`` after every run of a script.
    """
    collect, gc.collect = gc.collect, lambda generation=2: 0
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect = collect


def _tame_streamlit() -> None:
    """Make the clean-up that Streamlit does after every script run harmless.

    After each run, a fragment's poll included, Streamlit 1.67 calls ``gc.collect(2)``, which walks
    all of TensorFlow's objects (155 ms), and ``keras.backend.clear_session()``, which drops
    TensorFlow's compiled kernels: ten visitors would each undo the others' caches. The objects
    that the import made live as long as the process, so the collector need not look at them
    again; and this process holds no Keras model that a session could clear.
    """
    gc.freeze()  # without a look at them first: somebody may be waiting
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.backend.clear_session = lambda *args, **kwargs: None
