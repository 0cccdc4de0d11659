"""The Headlines page without a browser, over small untrained models."""

import io
import json
import shutil
import time

import pandas as pd
import pytest
import small_models
from streamlit.testing.v1 import AppTest

from rnn_core import writing
from rnn_core.text import VOCABULARY
from ui import engine, headline_models, headline_words
from ui.headline_desk import MOST_FORCED, Desk, Forced, Place, Settings


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Three small models and an index, where the page looks for its own."""
    assert engine.wait(120)
    place = tmp_path_factory.mktemp("models")
    small_models.build(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(headline_models.FOLDER, str(place))
        yield place


@pytest.fixture
def app(models):
    return opened()


def opened(**query):
    app = AppTest.from_file("../app.py", default_timeout=120)
    app.run()
    app.switch_page("ui/headlines.py")
    for name, value in query.items():
        app.query_params[name] = value
    return run(app)


def run(app):
    """Run, and again as the page's polls would, until all models asked for are there."""
    deadline = time.monotonic() + 120
    while True:
        app.run()
        assert not app.exception
        coming = [c.value for c in app.caption if "is loading" in c.value]
        if not coming and not app.header[0].value.startswith("One moment"):
            return app
        assert time.monotonic() < deadline, "the models were never loaded"
        time.sleep(0.1)


def told(app) -> str:
    return app.header[0].value


def lines(app, name="lstm") -> list[dict]:
    found = {e.key: json.loads(e.proto.json) for e in app.get("bidi_component")}
    return found[f"lines_{name}"]["lines"]


def headlines(app, name="lstm") -> list[str]:
    return [line["given"] + "".join(line["chars"]).rstrip("\n") for line in lines(app, name)]


def at(app) -> Place:
    return app.session_state.desk.shown


def address(app) -> dict[str, str]:
    return {k: v if isinstance(v, str) else v[-1] for k, v in app.query_params.items()}


def says(app, part) -> bool:
    return any(part in e.value for e in [*app.markdown, *app.caption])


def test_it_opens_with_completions_of_a_beginning(app):
    assert told(app) == "The LSTM finished “scientists just discovered” five times."
    found = lines(app)
    assert len(found) == 5 and all(line["given"] == "scientists just discovered" for line in found)
    assert len(set(headlines(app))) == 5
    assert says(app, "Invented by a network, not news")
    for line in found:
        assert len(line["chars"]) == len(line["values"]) == len(line["labels"]) <= 80
        assert line["open"] == (line["chars"][-1] != "\n")
    model = headline_models.ask("lstm").model
    expected = writing.write(
        model,
        "scientists just discovered",
        samples=5,
        top_p=0.9,
        temperature=1.0,
        max_chars=80,
        seed=0,
    )
    assert headlines(app) == [w.completion.headline for w in expected]
    captions = [c for c in app.radio(key="model").proto.captions]
    assert captions[0] == "1.500 bits a character, held out"


def test_what_is_picked_first_is_what_surprised_most(app):
    values = [line["values"] for line in lines(app)]
    place = at(app)
    assert values[place.row][place.k] == max(map(max, values))
    labels = {m.label: m.value for m in app.metric}
    assert "The random number" in labels and len(labels) == 4


def test_settings_reach_the_sampler(app):
    app.slider(key="number").set_value(2)
    app.slider(key="length").set_value(10)
    app.slider(key="temperature").set_value(0.3)
    app.text_input(key="prefix").set_value("rain")
    run(app)
    found = lines(app)
    assert len(found) == 2 and all(len(line["chars"]) <= 10 for line in found)
    assert told(app) == "The LSTM finished “rain” twice."
    before = headlines(app)
    app.button(key="again").click()
    run(app)
    assert app.number_input(key="draw_seed").value == 1 and headlines(app) != before
    app.number_input(key="draw_seed").set_value(0)
    assert headlines(run(app)) == before


def test_an_example_and_nothing_at_all(app):
    app.button(key="example_man charged after").click()
    run(app)
    assert "man charged after" in told(app)
    for line in lines(app):
        assert line["shared"][0] == 0 and line["shared"][1] >= len("man charged")
        assert "words in a row with the training text" in line["note"]
    app.button(key="example_").click()
    run(app)
    assert told(app) == "The LSTM made up 5 headlines, from nothing."
    assert all(line["given"] == "" for line in lines(app))


def test_what_cannot_be_read_is_named(app):
    for typed, part in (
        ("rain 😀", "U+1F600, grinning face"),
        ("a" * 10_000, "at most 120 characters, and this one has 10,000"),
        ("café", "“é”"),
    ):
        app.text_input(key="prefix").set_value(typed)
        run(app)
        assert part in app.error[0].value and told(app) == "This beginning can't be used."
    app.text_input(key="prefix").set_value("Rain #1")
    run(app)
    assert says(app, "Capitals were lowered")
    assert says(app, "No training headline had “\\#”, “1”")
    assert told(app).startswith("The LSTM finished")


def test_walking_and_forcing_and_going_back(app):
    app.slider(key="length").set_value(20)
    run(app)
    before = headlines(app)
    app.session_state.desk.pick(Place("lstm", 1, 3))
    run(app)
    app.button(key="right").click()
    run(app)
    assert at(app) == Place("lstm", 1, 4) and address(app)["at"] == "lstm.1.4"
    offer = next(p for p in app.pills if p.key.startswith("offer_"))
    char = "z" if before[1][len("scientists just discovered") + 4] != "z" else "y"
    other = next(s for s in app.selectbox if s.key.startswith("any_"))
    assert len(other.options) == len(VOCABULARY) - 1 and len(offer.options) == 8
    other.select(char)
    run(app)
    after = headlines(app)
    assert after[0] == before[0] and after[1] != before[1]
    assert after[1].startswith(before[1][: len("scientists just discovered") + 4] + char)
    assert lines(app)[1]["forced"] == [4]
    assert told(app) == "You forced a character, and the LSTM went on from there."
    assert address(app)["forced"] == f"lstm.1.4.{ord(char)}"
    assert says(app, "you forced")
    link = {name: address(app)[name] for name in ("at", "forced")}
    assert headlines(opened(**link, length="20")) == after
    app.button(key="undo").click()
    run(app)
    assert headlines(app) == before and "forced" not in address(app)


def test_a_link_that_makes_no_sense_does_no_harm(models):
    app = opened(at="lstm.99.5", forced="lstm.0.700.97_x.0.0.97_lstm.0.0.7_gru.1_lstm.0.2.122")
    assert len(lines(app)) == 5 and at(app).row < 5
    assert app.session_state.desk.forced == (
        Forced("lstm", 0, 700, "a"),
        Forced("lstm", 0, 2, "z"),
    )
    assert lines(app)[0]["forced"] == [2]
    assert app.warning[0].value.endswith(
        ": forced=x.0.0.97, forced=lstm.0.0.7, forced=gru.1, at=lstm.99.5."
    )


def test_no_forced_character_pushes_another_out(models):
    link = "_".join(f"lstm.0.{k}.{ord('a')}" for k in range(MOST_FORCED))
    app = opened(forced=link, length="80")
    me = app.session_state.desk
    assert me.full and len(me.forced) == MOST_FORCED
    assert next(p for p in app.pills if p.key.startswith("offer_")).disabled
    assert says(app, f"{MOST_FORCED} characters are forced")
    me.force(Place("lstm", 0, 50), "b")
    assert len(me.forced) == MOST_FORCED and me.forced[0].k == 0


def test_the_script_holds_what_is_forced_on_the_page(app):
    """A force on a completion that is not shown any more would name one that is not there."""
    app.session_state.desk.force(Place("lstm", 4, 0), "z")
    app.session_state.desk.force(Place("lstm", 1, 0), "y")
    run(app)
    assert [f.row for f in app.session_state.desk.applied("lstm")] == [4, 1]
    app.slider(key="number").set_value(3)
    run(app)
    assert [f.row for f in app.session_state.desk.applied("lstm")] == [1]


def test_an_index_with_a_file_missing_is_named(models):
    weights = models / "training-index" / "model.safetensors"
    hidden = weights.rename(weights.with_suffix(".away"))
    try:
        app = opened()
        assert says(app, "The index of the training text can't be read") and len(lines(app)) == 5
    finally:
        hidden.rename(weights)


def test_all_three_side_by_side(app):
    app.radio(key="model").set_value("all")
    run(app)
    assert told(app) == (
        "The LSTM, the GRU and the simple RNN finished “scientists just discovered” five times each."
    )
    assert [s.value for s in app.subheader][:3] == ["LSTM", "GRU", "Simple RNN"]
    assert len({headlines(app, name)[0] for name in small_models.DEPTH}) == 3
    app.session_state.desk.pick(Place("gru", 2, 1))
    run(app)
    assert says(app, "GRU, completion 3 of 5, character 2 of")
    assert "z, update gate" in app.segmented_control(key="signal").options


def test_one_neuron_and_its_gates(app):
    from rnn_core import microscope

    model = headline_models.ask("lstm").model
    line = headlines(app)[at(app).row]
    found = microscope.neurons(model, line)
    assert says(app, f"Unit {found.units(0).unit.iloc[0]} of layer 1 varies most of all")
    app.segmented_control(key="layer").set_value(2)
    run(app)
    assert says(app, f"Unit {found.units(1).unit.iloc[0]} of layer 2 varies most of all")
    app.segmented_control(key="signal").set_value("f")
    other = int(found.units(1).unit.iloc[3])
    app.selectbox(key="watched").set_value(other)
    run(app)
    text = {e.key: json.loads(e.proto.json) for e in app.get("bidi_component")}["neuron_text"]
    shown = text["lines"][0]["values"]
    assert shown == pytest.approx(found.layers[1]["f"][:, other].tolist(), abs=1e-5)
    app.segmented_control(key="layer").set_value(1)
    run(app)
    assert says(app, f"Unit {other} of layer 1 ")
    assert text["scale"]["domain"] == [0, 1]


def test_downloads_hold_what_is_shown(app):
    written = app.session_state.desk._written or app.session_state.desk._drawn
    found = list(written.values())[0][1]
    table = pd.read_csv(io.StringIO(writing.table(found, model="lstm").to_csv(index=False)))
    assert list(table.headline) == headlines(app)
    labels = [b.label for b in app.get("download_button")]
    assert labels == ["Completions", "Every character", "Script"]


def test_a_damaged_model_is_named_and_the_rest_works(models):
    folder, aside = models / "headlines-gru", models / "aside"
    shutil.copytree(folder, aside)
    try:
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        app = opened(model="GRU")
        assert len(app.error) == 1 and "model.safetensors" in app.error[0].value
        assert "sha256" in app.error[0].value and "GRU can't be used" in app.error[0].value
        app.radio(key="model").set_value("all")
        run(app)
        assert told(app).startswith("The LSTM and the simple RNN finished")
        app.switch_page("ui/train.py")
        app.run()
        assert not app.exception and not app.error
        (folder / "config.json").unlink()
        app = opened(model="GRU")
        assert "config.json" in app.error[0].value and "no such file" in app.error[0].value
        (folder / "metrics.json").write_text("{")
        assert any("metrics.json" in w.value for w in opened().warning)
    finally:
        shutil.rmtree(folder)
        aside.rename(folder)
    assert told(opened(model="GRU")).startswith("The GRU finished")


def test_without_an_index_it_says_so(models):
    index = models / "training-index"
    index.rename(models / "elsewhere")
    try:
        app = opened()
        assert (
            says(app, "There is no index of the training text") and lines(app)[0]["shared"] is None
        )
    finally:
        (models / "elsewhere").rename(index)


def test_while_the_core_loads_there_is_something_to_read(models, monkeypatch):
    monkeypatch.setattr(engine, "_imported", type(engine._imported)())
    app = AppTest.from_file("../app.py", default_timeout=60)
    app.run()
    app.switch_page("ui/headlines.py")
    app.run()
    assert not app.exception and told(app).startswith("One moment")
    assert says(app, "One character at a time")
    assert app.text_input(key="prefix").value == "scientists just discovered"


def test_what_was_typed_never_becomes_markup():
    plain = headline_words.plain
    assert plain("*a* $x$ [l](u) `c` <b>") == r"\*a\* \$x\$ \[l\]\(u\) \`c\` \<b\>"
    assert ":red[" not in plain(":red[x]") and ":smile:" not in plain(":smile:")


def test_a_desk_keeps_what_was_drawn(models):
    loaded = headline_models.ask("lstm")
    me, settings = Desk(), Settings(0.9, 1.0, 2, 20, 0)
    first = me.completions("lstm", loaded, "rain", settings)
    assert me.completions("lstm", loaded, "rain", settings) is first
    me.force(Place("lstm", 0, 2), "z")
    me.force(Place("lstm", 0, 1), "y")
    twice = me.completions("lstm", loaded, "rain", settings)
    assert twice[0].forced == (1,) and twice[1] is first[1]
    me.undo()
    again = me.completions("lstm", loaded, "rain", settings)
    assert again[0].forced == (2,) and me.picked == Place("lstm", 0, 1)
