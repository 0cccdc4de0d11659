"""Compiled programs, shared by the whole process and bounded in number.

A program is a function compiled by XLA for one shape. Weights, rates, seeds and numbers of
steps are its arguments, so one program serves every run of that shape.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2


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


class Program:
    """A function compiled by XLA for the shapes of the arguments it was made with.

    Arguments and results are trees of tensors (or None); arguments may be NumPy arrays as well.
    Other shapes or types than those it was made for are a ValueError. It runs in a session of its
    own: what XLA compiles for TensorFlow's eager context stays in memory for good, while a session
    gives it back when it is closed.
    """

    def __init__(self, function: Callable, *arguments: Any):
        traced = tf.function(function, jit_compile=True, autograph=False)
        traced = traced.get_concrete_function(*arguments)
        config = tf.compat.v1.ConfigProto()
        # The program is XLA's to optimise; another optimiser before it would change its rounding.
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        config.intra_op_parallelism_threads = tf.config.threading.get_intra_op_parallelism_threads()
        options = config_pb2.CallableOptions()
        # In the caller's thread; handing a call to another takes longer than a step of training.
        options.run_options.inter_op_thread_pool = -1
        with tf.Graph().as_default() as graph:
            inputs = _tensors(lambda t: tf.compat.v1.placeholder(t.dtype, t.shape), arguments)
            self._results = traced(*inputs)
            given = [t for t in tf.nest.flatten(inputs) if t is not None]
            self._expected = [(tuple(t.shape), np.dtype(t.dtype.as_numpy_dtype)) for t in given]
            options.feed.extend(t.name for t in given)
            options.fetch.extend(t.name for t in tf.nest.flatten(self._results) if t is not None)
        session = tf.compat.v1.Session(graph=graph, config=config)
        # The public make_callable can't be told where to run.
        self._run = session._make_callable_from_options(options)
        self._session = session

    def __call__(self, *arguments: Any) -> Any:
        values = [np.asarray(t) for t in tf.nest.flatten(arguments) if t is not None]
        got = [(t.shape, t.dtype) for t in values]
        if got != self._expected:
            raise ValueError(f"arguments must be {_listed(self._expected)}, got {_listed(got)}")
        found = iter(self._run(*values))
        return _tensors(lambda _: tf.constant(next(found)), self._results)

    def __del__(self):
        if session := getattr(self, "_session", None):
            self._run = None
            session.close()


def _tensors(change: Callable, tree: Any) -> Any:
    return tf.nest.map_structure(lambda t: None if t is None else change(t), tree)


def _listed(arrays: list[tuple[tuple, np.dtype]]) -> str:
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in arrays)


def compiled(function: Callable, *arguments: Any) -> Program:
    """``function`` traced and compiled by XLA for the shapes of ``arguments``, and run once."""
    program = Program(function, *arguments)
    program(*arguments)  # XLA compiles at the first call
    return program


def signature(tree: Any) -> str:
    """The types and shapes of a tree of tensors: what a program is compiled for."""
    return repr(tf.nest.map_structure(lambda t: tuple(t.shape), tree))


#: The programs of this process. One weighs 10 MB (a sum) to 40 MB (training), so that all of them
#: together weigh about half a gigabyte.
programs = Programs(limit=24)
