"""The cache of compiled programs: one for each key, bounded, made once."""

import gc
import threading
import time

import numpy as np
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
    found = program((tf.constant(5.0), None), np.float32(7.0))
    assert found[0] == 35 and found[1] is None and isinstance(found[0], tf.Tensor)


@pytest.mark.parametrize("x", [np.zeros([3, 2], np.float32), np.zeros([2, 3]), None])
def test_a_compiled_function_refuses_what_it_was_not_compiled_for(x):
    program = compiled(lambda x, k: x * k, tf.zeros([2, 3]), tf.constant(1.0))
    expected = r"arguments must be float32\[2, 3\], float32\[\], got "
    with pytest.raises(ValueError, match=expected):
        program(x, np.float32(2.0))


def test_a_compiled_function_serves_several_threads_at_once():
    program = compiled(
        lambda x, k: tf.linalg.matmul(x, x) * k, tf.zeros([60, 60]), tf.constant(0.0)
    )
    x = tf.random.stateless_uniform([60, 60], [1, 2])
    plain, found = (x @ x).numpy(), {}

    def ask(k):
        found[k] = [program(x, tf.constant(float(k))).numpy() for _ in range(20)]

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, results in found.items():
        for result in results:
            np.testing.assert_allclose(result, k * plain, rtol=1e-4)


def test_a_dropped_program_closes_its_session():
    closed = []
    program = compiled(lambda x: x + 1, tf.constant(0.0))
    close = program._session.close
    program._session.close = lambda: (closed.append(1), close())
    del program
    gc.collect()
    assert closed == [1]


def test_the_limit_must_be_positive():
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        Programs(0)
