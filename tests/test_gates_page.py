"""The Gates page without a browser."""

import json
import shutil

import op_by_op
import pytest
from hand_built import hand_built_adder
from streamlit.testing.v1 import AppTest

from rnn_core import analysis, checkpoint
from rnn_core.addition import Adder
from rnn_core.settings import AdditionSettings
from ui import engine, gate_data, gate_equations, gate_layout, gate_test_charts
from ui.session import Visit

TESTS = ["lens", "clamp", "transplant", "automaton", "space", "appearance"]


class Run:
    """A run as the page knows it: settings, step, model, snapshots."""

    def __init__(self, model, step=40, past=(), **settings):
        self.settings = AdditionSettings(**settings)
        self.model, self.step = model, step
        self.past = list(past)

    def timeline(self):
        return [*self.past, (self.step, self.model)]


@pytest.fixture(scope="module", autouse=True)
def core():
    assert engine.wait(120)


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    op_by_op.install(monkeypatch)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page alone, as a script of its own."""
    script = tmp_path_factory.mktemp("page") / "gates_alone.py"
    script.write_text("from ui import gates\ngates.show()\n")
    return str(script)


def opened(page, run=None, **query):
    app = AppTest.from_file(page, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    if run is not None:
        app.session_state["visit"] = Visit(run=run)
    return ran(app)


def ran(app):
    app.run()
    assert not app.exception, app.exception
    return app


def words(app) -> str:
    parts = [*app.header, *app.subheader, *app.markdown, *app.caption, *app.error, *app.info]
    return "\n".join(part.value for part in parts)


def table_of(app) -> str:
    return next(block.body for block in app.get("html") if "class='equations'" in block.body)


def test_never_empty_and_says_whose_network_it_is(page):
    app = opened(page)
    assert app.header[0].value == "211 + 69 = 280: every bit is right."
    assert "trained beforehand: GRU, 16 units" in words(app) and "step 300" in words(app)
    assert "tells the carry" in app.subheader[0].value
    assert "May not:" in words(app)


def test_the_pretrained_adder_is_what_its_metrics_say():
    metrics = json.loads((gate_data.FOLDER / "metrics.json").read_text())
    model = checkpoint.load(gate_data.FOLDER)
    reading = analysis.read(model, 2**64 - 1, 1)
    assert reading.total == 2**64
    assert analysis.automaton(model).recovered
    assert {row["bits"]: row["exact"] for row in metrics["held_out"]}[64] == 1.0
    assert metrics["command"] == "python -m pretrained.train_adder" and metrics["step"] == 300
    size = sum(f.stat().st_size for f in gate_data.FOLDER.rglob("*") if f.is_file())
    assert size < 300_000


def test_the_equations_show_the_traces_numbers(page):
    app = opened(page)
    app.selectbox(key="bit").set_value(3)
    app.selectbox(key="neuron").set_value(6)
    ran(app)
    model = checkpoint.load(gate_data.FOLDER)
    reading = analysis.read(model, 211, 69)
    shown = table_of(app)
    for name in ("z", "r", "h_tilde", "h"):
        assert f"<b>{gate_equations.number(float(reading.signals[name][0, 3, 6]))}</b>" in shown
    assert "σ(x W_z + h U_z + b_z)" in shown
    assert app.selectbox(key="neuron").value == 6


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("12x", "a must be a whole number in digits, but it contains “x”."),
        ("-5", "a must not be negative"),
        ("", "Type a whole number for a."),
        (str(2**64), "a must be at most 18,446,744,073,709,551,615 (64 bits)"),
    ],
)
def test_bad_input_gets_a_sentence_and_the_page_stays(page, text, sentence):
    app = opened(page)
    app.text_input(key="a").set_value(text)
    ran(app)
    assert len(app.error) == 1 and sentence in app.error[0].value
    assert app.header[0].value.startswith("211 + 69 = 280")
    app.text_input(key="a").set_value(" 1,000 ")
    ran(app)
    assert not app.error and app.header[0].value == "1,000 + 69 = 1,069: every bit is right."


def test_widest_and_narrowest_sums(page):
    app = opened(page)
    for a, b in ((2**64 - 1, 2**64 - 1), (0, 0)):
        app.text_input(key="a").set_value(str(a))
        app.text_input(key="b").set_value(str(b))
        app.selectbox(key="bit").set_value(1)
        ran(app)
        assert f"{a + b:,}" in app.header[0].value
    assert app.selectbox(key="bit").value == 1


def test_a_bit_that_is_gone_is_not_kept(page):
    app = opened(page)
    app.selectbox(key="bit").set_value(8)
    ran(app)
    app.text_input(key="a").set_value("1")
    app.text_input(key="b").set_value("1")
    ran(app)
    assert app.selectbox(key="bit").value == 1  # 1 + 1 has the bits 0 and 1


@pytest.mark.parametrize("kind", ["rnn", "gru", "gru_no_reset", "lstm"])
def test_every_test_finds_the_adder_in_a_hand_built_network(page, kind):
    model = hand_built_adder(kind)
    past = [(0, Adder.init(kind, 3, seed=1)), (20, model)]
    app = opened(page, Run(model, unit=kind, units=3, past=past))
    assert "The network of this visit" in words(app) and "at step 40" in words(app)
    said = {}
    for test in TESTS:
        app.segmented_control(key="test").set_value(test)
        ran(app)
        said[test] = app.subheader[0].value
        assert "May be inferred" in words(app)
    assert "of unit 1 tells the carry" in said["lens"]
    assert "500 of 500" in said["transplant"] and "all later bits" in words_of(app, "transplant")
    assert said["automaton"].startswith("Recovered: 2 states, agrees on 100% of 8,000")
    assert "from step 20 on" in said["appearance"]


def words_of(app, test):
    app.segmented_control(key="test").set_value(test)
    return words(ran(app))


def test_nothing_is_claimed_of_an_untrained_network(page):
    app = opened(page, Run(Adder.init("gru", 8, seed=0), step=1, units=8))
    assert "No signal tells the carry reliably" in app.subheader[0].value
    assert "Not recovered" in words_of(app, "automaton")
    assert "It is 280." in app.header[0].value and "wrong: framed, with a cross" in words(app)


@pytest.mark.parametrize("order", ["highest_first", "both"])
def test_tests_that_need_a_travelling_carry_say_so(page, order):
    model = Adder.init("lstm", 4, order=order, seed=0)
    app = opened(page, Run(model, unit="lstm", units=4, order=order, past=[(0, model)]))
    for test in ("transplant", "automaton"):
        assert "Not for this network." in words_of(app, test)
    for test in ("lens", "clamp", "space", "appearance"):
        assert "May be inferred" in words_of(app, test)


def test_a_clamp_says_what_it_did(page):
    app = opened(page, Run(hand_built_adder("rnn"), unit="rnn", units=3))
    app.segmented_control(key="test").set_value("clamp")
    ran(app)
    app.selectbox(key="hold_unit").set_value(1)
    app.slider(key="hold_at_h").set_value(1.0)
    ran(app)
    held = analysis.clamp(hand_built_adder("rnn"), "h", 1, 1.0)
    share = f"{held['after'].iloc[0]:.0%}"
    assert f"state h of unit 1 held at 1: 5-bit sums 100% → {share}" in app.subheader[0].value


def test_time_travel_goes_back_and_follows_training(page):
    exact = hand_built_adder("gru")
    early = Adder.init("gru", 3, seed=4)
    app = opened(page, Run(exact, 24, [(0, early), (8, early), (16, exact)], units=3))
    assert app.select_slider(key="step").value == 24
    app.select_slider(key="step").set_value(8)
    ran(app)
    assert "at step 8 of 24" in words(app) and "It is 280." in app.header[0].value
    # Training goes on: what was chosen stays, or the nearest that is left.
    app.session_state["visit"].run = Run(exact, 40, [(0, early), (16, exact)], units=3)
    ran(app)
    assert app.select_slider(key="step").value in (0, 16)
    app.select_slider(key="step").set_value(40)
    ran(app)
    app.session_state["visit"].run = Run(exact, 56, [(0, early), (32, exact)], units=3)
    ran(app)
    assert app.select_slider(key="step").value == 56 and "at step 56." in words(app)


def test_training_that_goes_on_is_said(page):
    app = AppTest.from_file(page, default_timeout=60)
    app.session_state["visit"] = Visit(run=Run(Adder.init(seed=0), 7), training=True)
    ran(app)
    assert "shown at step 7. Training goes on; the page stands still" in words(app)


@pytest.mark.parametrize("damage", ["missing", "truncated", "fields"])
def test_a_damaged_pretrained_adder_is_named(page, tmp_path, monkeypatch, damage):
    folder = tmp_path / "adder"
    if damage != "missing":
        shutil.copytree(gate_data.FOLDER, folder)
        weights, config = folder / "model.safetensors", folder / "config.json"
        if damage == "truncated":
            weights.write_bytes(weights.read_bytes()[:-100])
        else:
            about = json.loads(config.read_text())
            config.write_text(json.dumps({**about, "settings": {"unit": "gruu"}}))
    monkeypatch.setattr(gate_data, "FOLDER", folder)
    gate_data._pretrained.clear()
    app = opened(page)
    assert len(app.error) == 1 and str(folder) in app.error[0].value
    assert {"missing": "there is no such file", "truncated": "damaged", "fields": "gruu"}[
        damage
    ] in app.error[0].value
    app = opened(page, Run(hand_built_adder("gru"), units=3))
    assert not app.error and "every bit is right" in app.header[0].value
    gate_data._pretrained.clear()


def test_a_link_brings_back_the_page(page):
    query = {"a": "13", "b": "7", "bit": "1", "neuron": "2", "step": "40", "test": "Automaton"}
    app = opened(page, **query)
    assert "13 + 7" in app.header[0].value and "at step 40 of 300" in words(app)
    assert app.selectbox(key="bit").value == 1 and app.selectbox(key="neuron").value == 2
    assert app.segmented_control(key="test").value == "automaton"


# ---------------------------------------------------------------- layout and memo


def layout(a=21, b=14, units=4):
    reading = analysis.read(Adder.init("lstm", units, seed=0), a, b)
    names = [n for n in reading.signals if analysis.is_gate(n)]
    return gate_layout.lay_out(
        analysis.bit_table(reading),
        analysis.signal_table(reading),
        names,
        [str(u) for u in range(units)],
        "#000000",
    )


@pytest.mark.parametrize("units", [4, 64])
def test_rows_of_the_chart_do_not_overlap(units):
    cells = layout(units=units).cells
    column = cells[cells["bit"] == 2].sort_values("y0")
    assert len(column) == 6 + 6 * units
    assert (column["y1"].to_numpy()[:-1] <= column["y0"].to_numpy()[1:] + 1e-3).all()
    assert (column["y1"] - column["y0"] >= 2).all()
    assert column["y1"].max() <= layout(units=units).height


def test_each_value_lies_in_its_own_part_of_the_colour_scale():
    cells = layout().cells
    parts = cells.groupby("panel")["shade"].agg(["min", "max"])
    for gate in "ifo":
        assert parts.loc[gate, "min"] >= 3 and parts.loc[gate, "max"] <= 4
    for state in ("h", "c", "c_tilde"):
        assert parts.loc[state, "min"] >= -1 and parts.loc[state, "max"] <= 1
    assert set(cells[cells["panel"] == "a"]["shade"]) == {6, 7}


def test_memo_computes_once_and_keeps_networks_apart():
    memo, calls = gate_data.Memo(limit=2), []

    def size(model, power):
        calls.append(power)
        return len(model) ** power

    one, two = (1, 2), (1, 2, 3)
    assert [memo.get(size, one, 2), memo.get(size, one, 2), memo.get(size, two, 2)] == [4, 4, 9]
    assert calls == [2, 2]
    memo.get(size, two, 3)
    assert memo.get(size, one, 2) == 4 and calls == [2, 2, 3, 2]


def test_the_machine_is_drawn_with_all_its_arrows():
    dot = gate_test_charts.machine_dot(analysis.full_adder(), "adder")
    assert dot.count("->") == 4 and "1 1 / 0" in dot and "0 0 / 1" in dot


def test_what_a_link_asks_for_in_vain_is_said(page):
    app = opened(page, test="Clamp", sort="Size", bit="99", a="7", hold="update gate z")
    assert [w.value.split(": ", 1)[1] for w in app.warning] == [
        "sort=Size (shown: What they know of the carry), bit=99 (shown: 2)."
    ]
