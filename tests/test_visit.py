"""What one visitor holds, without a page: clicks that come while a poll is at work."""

import gc
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from rnn_core.training import AdditionRun
from ui import engine
from ui.session import Visit

pytestmark = pytest.mark.usefixtures("core")


@pytest.fixture
def visit():
    me = Visit()
    assert me.begin()
    return me


class Held:
    """A poll in a thread of its own that waits for a compute slot: all are taken, as by others."""

    def __init__(self, me: Visit):
        self.failed = []
        self.thread = threading.Thread(target=self.poll, args=(me,))

    def poll(self, me: Visit) -> None:
        try:
            me.poll()
        except Exception as error:
            self.failed.append(error)

    def __enter__(self):
        self.slots = 0
        while engine._SLOTS.acquire(blocking=False):
            self.slots += 1
        self.thread.start()
        self.thread.join(0.3)
        assert self.thread.is_alive()
        return self

    def __exit__(self, *error):
        for _ in range(self.slots):
            engine._SLOTS.release()
        self.thread.join(60)
        assert not self.thread.is_alive() and not self.failed, self.failed


def test_reset_while_a_poll_waits_stays_at_step_0(visit):
    visit.press_run()
    visit.poll()
    assert visit.step > 0
    with Held(visit):
        visit.reset()
    assert visit.step == 0 and not visit.training


def test_a_paused_network_makes_no_further_step(visit):
    visit.press_run()
    visit.poll()
    step = visit.step
    with Held(visit):
        visit.press_pause()
    assert visit.step == step


def test_another_seed_while_a_poll_waits_to_measure(visit):
    visit.press_step(1)
    while visit.measuring is None:
        visit.poll()
    with Held(visit):
        visit.apply(replace(visit.settings, seed=5))
    assert visit.step == 0 and visit.measuring is None
    visit.press_step(1)
    while visit.busy:
        visit.poll()
    assert visit.measured.step == 1 and visit.run.settings.seed == 5


def test_a_loss_that_is_no_number_stops_the_run_wherever_it_is_polled(visit):
    broken = tf.nest.map_structure(lambda w: w * np.nan, visit.run.model)
    visit.run._state = visit.run._state._replace(model=broken)
    visit.press_run()
    visit.poll()
    assert visit.lost and not visit.training and 0 < visit.step <= 20
    visit.reset()
    assert not visit.lost


def test_diverged_looks_at_the_last_step():
    run = AdditionRun()
    assert not run.diverged
    run.advance(3)
    assert not run.diverged
    run._tables[-1][-1, 1] = np.inf
    assert run.diverged
    run.advance(1)
    assert not run.diverged


def test_compiling_lets_go_of_visits_that_are_over(visit):
    """What is alive when the collector is told to pass over it would else stay for good."""
    over = Visit()
    over.past = [over]  # found by the collector alone
    engine.freeze()
    seen = weakref.ref(over)
    del over
    engine.freeze()
    assert seen() is None


def test_the_collector_rests_during_the_import_and_works_again_after_a_failed_one():
    collect = gc.collect
    with pytest.raises(ImportError), engine._collector_off():
        assert not gc.isenabled()
        ring = []
        ring.append(ring)
        del ring
        assert gc.collect(2) == 0
        raise ImportError
    assert gc.isenabled() and gc.collect is collect and gc.collect() >= 1
