"""Compiled programs, shared by the whole process and bounded in number.

A program is a `tf.function` compiled by XLA for one shape. Weights, rates, seeds and numbers of
steps are its arguments, so one program serves every run of that shape.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf


class Programs:
    """Programs by key; past ``limit`` the one unused for longest is dropped."""

    def __init__(self, limit: int):
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self.limit = limit
        self._programs: OrderedDict[Hashable, Callable] = OrderedDict()
        self._lock = threading.Lock()
        # Tracing and compiling keep a core busy for seconds: one at a time, and whoever waited
        # finds the program made.
        self._compiling = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._programs

    def __len__(self) -> int:
        return len(self._programs)

    def get(self, key: Hashable, build: Callable[[], Callable]) -> Callable:
        """The program for ``key``; if there is none, ``build`` returns it traced and compiled."""
        program = self._find(key)
        if program is None:
            with self._compiling:
                program = self._find(key)
                if program is None:
                    program = build()
                    with self._lock:
                        self._programs[key] = program
                        while len(self._programs) > self.limit:
                            self._programs.popitem(last=False)
        return program

    def _find(self, key: Hashable) -> Callable | None:
        with self._lock:
            if key in self._programs:
                self._programs.move_to_end(key)
            return self._programs.get(key)


def compiled(function: Callable, *arguments: Any) -> Callable:
    """``function`` traced and compiled by XLA for the shapes of ``arguments``, and run once."""
    program = tf.function(function, jit_compile=True, autograph=False)
    program = program.get_concrete_function(*arguments)
    program(*arguments)  # XLA compiles at the first call
    return program


def signature(tree: Any) -> str:
    """The types and shapes of a tree of tensors: what a program is compiled for."""
    return repr(tf.nest.map_structure(lambda t: tuple(t.shape), tree))


#: The programs of this process. One weighs 10 MB (a sum) to 25 MB (training), so that all of them
#: together stay under half a gigabyte. What a dropped one leaves is used again by the next.
programs = Programs(limit=24)
