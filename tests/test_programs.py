"""The cache of compiled programs: one for each key, bounded, made once."""

import threading
import time

import pytest
import tensorflow as tf

from rnn_core.programs import Programs, compiled


def test_a_program_is_made_once_however_many_ask_at_once():
    programs, made = Programs(4), []

    def build():
        time.sleep(0.05)  # long enough for the others to ask
        made.append(1)
        return lambda: "program"

    found = []
    threads = [
        threading.Thread(target=lambda: found.append(programs.get("key", build))) for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(found) == 10 and len(set(map(id, found))) == 1


def test_past_the_limit_the_one_unused_for_longest_goes():
    programs = Programs(2)
    for key in "ab":
        programs.get(key, lambda key=key: key)
    programs.get("a", lambda: "made again")
    programs.get("c", lambda: "c")
    assert len(programs) == 2
    assert "a" in programs and "c" in programs and "b" not in programs
    assert programs.get("b", lambda: "b again") == "b again"


def test_a_failed_build_leaves_nothing_behind():
    programs = Programs(2)

    def fail():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        programs.get("key", fail)
    assert programs.get("key", lambda: 1) == 1


def test_a_compiled_function_takes_its_values_as_arguments():
    def function(pair, k):
        return pair[0] * k, pair[1]

    program = compiled(function, (tf.constant(2.0), None), tf.constant(3.0))
    assert program((tf.constant(5.0), None), tf.constant(7.0))[0] == 35


def test_the_limit_must_be_positive():
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        Programs(0)
