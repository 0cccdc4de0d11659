"""The Train page without a browser."""

import gc
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.numpy
from streamlit.testing.v1 import AppTest

from ui import engine, session

pytestmark = pytest.mark.usefixtures("core")


@pytest.fixture
def app():
    return run(AppTest.from_file("../app.py", default_timeout=60))


def run(app):
    app.run()
    assert not app.exception
    return app


def until(app, condition, runs=200):
    """Run as the browser's polls would, until ``condition(me)``."""
    for _ in range(runs):
        if condition(app.session_state.visit):
            return run(app)
        run(app)
    raise AssertionError(f"never came about; the page says {app.header[0].value!r}")


def click(app, key):
    app.button(key=key).click()
    return run(app)


def training(app):
    return app.session_state.visit.training


def losses(app):
    return list(app.session_state.visit.run.history.train_loss)


def test_first_sight_says_what_to_do(app):
    assert "Press Run" in app.header[0].value
    assert len(app.latex) == 1 and r"\tilde h" in app.latex[0].value
    assert not app.error


def test_run_until_solved_stops_by_itself_and_says_so(app):
    app.selectbox(key="speed").set_value("Flat out")
    click(app, "run")
    until(app, lambda me: not me.training and not me.busy)
    me = app.session_state.visit
    assert me.measured.step == me.step > 0
    assert app.header[0].value.startswith("Solved")
    assert "5-bit sums 500 of 500 right. 64-bit 500 of 500. 1,000-bit 100 of 100." in (
        app.markdown[0].value
    )
    assert not app.button(key="run").disabled and app.button(key="pause").disabled


def test_steps_are_counted_one_by_one_and_reset_gives_the_same_run_again(app):
    click(app, "step1")
    click(app, "step10")
    until(app, lambda me: me.step == 11)
    first = losses(app)
    click(app, "reset")
    me = app.session_state.visit
    assert me.step == 0 and [p.step for p in me.past] == [11]
    click(app, "step10")
    click(app, "step1")
    until(app, lambda me: me.step == 11)
    assert losses(app) == first


def test_rate_and_noise_act_on_the_run_and_anything_else_starts_another(app):
    click(app, "step10")
    until(app, lambda me: me.step == 10)
    before = app.session_state.visit.run
    app.select_slider(key="learning_rate").set_value(0.005)
    app.slider(key="noise").set_value(0.0)
    run(app)
    me = app.session_state.visit
    assert me.run is before and me.step == 10
    assert (me.run.settings.learning_rate, me.run.settings.noise) == (0.005, 0.0)
    assert [start for start, _ in me.legs] == [0, 10]
    app.number_input(key="seed").set_value(7)
    run(app)
    me = app.session_state.visit
    assert me.run is not before and me.step == 0 and me.run.settings.seed == 7
    assert [p.step for p in me.past] == [10] and me.past[0].settings.seed == 0


def test_a_new_seed_while_training_goes_on_training(app):
    click(app, "run")
    until(app, lambda me: me.step > 0)
    app.number_input(key="seed").set_value(3)
    run(app)
    until(app, lambda me: me.step > 0 and me.run.settings.seed == 3)
    assert training(app) and not app.button(key="pause").disabled
    click(app, "pause")
    assert not training(app)


def marked(app) -> list[str]:
    """The presets that are drawn as the chosen one."""
    presets = [b for b in app.button if b.key and b.key.startswith("preset_")]
    return [b.label for b in presets if b.proto.type == "primary"]


def test_presets_move_the_controls_and_keep_the_seed(app):
    app.number_input(key="seed").set_value(5)
    run(app)
    click(app, "preset_Tutorial, 2017")
    from rnn_core.settings import AdditionSettings

    assert app.session_state.visit.settings == AdditionSettings.tutorial(seed=5)
    assert marked(app) == ["Tutorial, 2017"]
    app.slider(key="bits").set_value(6)
    run(app)
    assert marked(app) == []
    click(app, "preset_Exact")
    assert app.session_state.visit.settings == AdditionSettings(seed=5) and marked(app) == ["Exact"]


def test_try_it_gives_one_sentence_for_bad_input(app):
    cases = {"12x": "contains", "-3": "negative", "9" * 2000: "2,000 digits", "": "Type a whole"}
    for text, sentence in cases.items():
        app.text_input(key="try_a").set_value(text)
        run(app)
        assert len(app.error) == 1 and sentence in app.error[0].value


def test_try_it_adds_numbers_of_a_thousand_bits(app):
    app.text_input(key="try_a").set_value(str(2**1000 - 1))
    run(app)
    assert not app.error
    assert any("302 digits" in m.value for m in app.markdown)


def test_the_run_outlives_a_change_of_page(app):
    app.selectbox(key="speed").set_value("2 steps/s")
    click(app, "run")
    until(app, lambda me: me.step >= 2)
    kept = app.session_state.visit.run
    app.switch_page("ui/headlines.py").run()
    assert any("Training goes on" in c.value for c in app.caption)
    app.switch_page("ui/train.py")
    run(app)
    me = app.session_state.visit
    assert me.run is kept and me.training and me.speed == "2 steps/s"
    click(app, "pause")


def test_a_network_that_cannot_be_compiled_is_said_and_stops_nothing_else(app, monkeypatch):
    from rnn_core import training as core

    def fail(settings):
        raise MemoryError("no room")

    monkeypatch.setattr(core, "warm_up", fail)
    app.select_slider(key="units").set_value(2)
    click(app, "run")
    until(app, lambda me: me.error)
    assert not training(app) and "no room" in app.error[0].value
    app.select_slider(key="units").set_value(16)
    run(app)
    assert not app.error
    click(app, "step1")
    until(app, lambda me: me.step == 1)


def test_the_page_is_painted_and_takes_clicks_before_tensorflow_is_in():
    script = """
import sys, threading
from streamlit.testing.v1 import AppTest
from ui import engine, session

engine._prepare = threading.Event().wait  # an import that never ends
app = AppTest.from_file("app.py", default_timeout=60).run()
assert not app.exception, app.exception
assert "TensorFlow is loading" in app.header[0].value
assert app.select_slider(key="units").value == 16 and len(app.latex) == 1
app.button(key="run").click().run()
assert not app.exception, app.exception
assert app.session_state.visit.training and app.button(key="run").disabled
app.number_input(key="seed").set_value(3).run()
assert app.session_state.visit.settings.seed == 3
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_streamlits_clean_up_after_a_run_leaves_tensorflow_alone():
    import keras
    from streamlit.runtime.scriptrunner import script_runner

    marker = object()
    keras.src.backend.common.global_state.set_global_attribute("marker", marker)
    script_runner._clean_problem_modules()
    assert keras.src.backend.common.global_state.get_global_attribute("marker") is marker
    deadline = time.monotonic() + 60  # a network being compiled may be setting them apart anew
    while gc.get_freeze_count() < 100_000:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("page", ["train", "gates", "headlines"])
def test_a_core_that_cannot_be_imported_is_said_in_one_sentence(page, monkeypatch):
    sentence = "The core could not be imported: no module named tensorflow"

    def fail(timeout=None):
        raise engine.CoreMissing(sentence)

    monkeypatch.setattr(engine, "wait", fail)
    app = run(AppTest.from_file("../app.py", default_timeout=60))
    assert not app.session_state.visit.busy
    app.switch_page(f"ui/{page}.py")
    assert [e.value for e in run(app).error] == [sentence]


def test_a_visit_keeps_a_bounded_number_of_steps(app, monkeypatch):
    monkeypatch.setattr(session, "STEPS", 30)
    app.selectbox(key="speed").set_value("Flat out")
    app.selectbox(key="stop").set_value("Never")
    click(app, "run")
    until(app, lambda me: not me.training)
    assert app.session_state.visit.step >= 30
    assert "most that a visit keeps" in app.markdown[0].value


def test_downloads_are_of_the_step_the_network_stands_at(app):
    click(app, "step10")
    until(app, lambda me: not me.busy)
    me = app.session_state.visit
    files = {kind: me.file(kind) for kind in ("Weights", "History", "Script")}
    assert files["History"].count(b"\n") == 11 and b"run.advance(10)" in files["Script"]
    weights = safetensors.numpy.load(files["Weights"])
    assert (weights["cell.W"] == me.run.model.cell.W.numpy()).all()
    assert me.file("Weights") is files["Weights"]
    click(app, "step1")
    until(app, lambda me: not me.busy)
    assert me.file("Weights") != files["Weights"]
    assert b"run.advance(11)" in me.file("Script")


def test_what_a_link_asks_for_in_vain_is_said():
    app = AppTest.from_file("../app.py", default_timeout=60)
    asked = {"learning_rate": "1.0", "bits": "99", "unit": "LSTM", "order": "x", "seed": "0"}
    for name, value in asked.items():
        app.query_params[name] = value
    run(app)
    (warning,) = app.warning
    assert warning.value.endswith(
        ": learning_rate=1.0 (shown: 0.02), bits=99 (shown: 5), order=x (shown: Lowest bit first)."
    )
    assert app.session_state.visit.settings.unit == "lstm"
    assert run(app).warning
    assert not click(app, "ok_train").warning


def test_a_link_of_defaults_says_nothing():
    app = AppTest.from_file("../app.py", default_timeout=60)
    for name, value in {"learning_rate": "0.02", "noise": "0.3", "unit": "GRU"}.items():
        app.query_params[name] = value
    assert not run(app).warning


def test_it_stops_only_where_the_network_that_stands_is_solved(app, monkeypatch):
    """A count belongs to an earlier step than the network's while it trains: that alone won't do."""
    verdicts = iter([True, False, True, True])
    seen = []

    def solved(me, m):
        seen.append((m.step, me.step, next(verdicts)))
        return seen[-1][2]

    monkeypatch.setattr(type(app.session_state.visit), "solved", solved)
    app.selectbox(key="speed").set_value("Flat out")
    click(app, "run")
    until(app, lambda me: not me.training and not me.busy)
    (first, now, _), (second, still, _), *_, (last, end, verdict) = seen
    assert first < now == second == still  # solved a while ago: stands still, and is not any more
    assert last == end > still and verdict  # so it goes on, until it is
