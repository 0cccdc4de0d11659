"""Odds of one character, forcing another, one neuron: against the sampler and the cells."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from rnn_core import checkpoint, microscope, writing
from rnn_core.cards import read_card
from rnn_core.language import CharLM
from rnn_core.sampling import complete
from rnn_core.text import END, VOCABULARY, encode

OPTIONS = dict(top_p=0.8, temperature=0.7, max_chars=24, seed=5)


def sharp(model, scale=4.0):
    """An untrained model whose odds are far from uniform, and that seldom ends."""
    return model._replace(
        W=model.W * scale, b=tf.tensor_scatter_nd_update(model.b, [[END]], [-9.0])
    )


@pytest.fixture(scope="module")
def model():
    return sharp(CharLM.init("lstm", 2, 12, embedding=8, buckets=(97,), skip=True, seed=3))


@pytest.fixture(scope="module")
def written(model):
    return writing.write(model, "sun ri", samples=3, **OPTIONS)


def test_odds_are_the_samplers_own(written):
    for w in written:
        for k, i in enumerate(w.completion.ids):
            table = microscope.odds(w, k)
            assert len(table) == len(VOCABULARY) == table.char.nunique()
            assert table.tempered.is_monotonic_decreasing
            for name in ("raw", "tempered", "kept"):
                assert table[name].sum() == pytest.approx(1, abs=1e-5)
            cut = table[~table.inside]
            assert (cut.kept == 0).all() and cut.start.isna().all() and len(cut) > 0
            inside = table[table.inside]
            # Neighbours on the bar touch, and it runs from 0 to 1.
            np.testing.assert_allclose(inside.start[1:], inside.end[:-1], atol=1e-6)
            assert inside.start.iloc[0] == 0 and inside.end.iloc[-1] == pytest.approx(1, abs=1e-5)
            came = table[table.chosen].iloc[0]
            assert came.char == VOCABULARY[i] and came.landed
            assert came.start - 1e-6 <= w.completion.draw[k] <= came.end + 1e-6


def test_leading_keeps_the_whole_and_the_chosen(written):
    w = written[0]
    table = microscope.odds(w, 2)
    for count in (5, 24, 200):
        short = microscope.leading(table, count)
        assert len(short) == min(count + 1, len(table))
        assert short.raw.sum() == pytest.approx(1, abs=1e-5)
        assert short.chosen.sum() == 1
    rare = table.char.iloc[-1]
    forced = w._replace(completion=w.completion._replace(ids=w.completion.ids.copy()), forced=(2,))
    forced.completion.ids[2] = VOCABULARY.index(rare)
    short = microscope.leading(microscope.odds(forced, 2), 5)
    assert rare in set(short.char) and short.name.iloc[-1] == "91 others"


def test_moment_tells_the_way(written):
    w = written[1]
    m = microscope.moment(w, 3)
    c = w.completion
    assert m.before == "sun ri" + c.text[:3] and m.came == m.landed == VOCABULARY[c.ids[3]]
    assert m.start - 1e-6 <= m.draw <= m.end + 1e-6
    assert m.end - m.start == pytest.approx(m.kept, abs=1e-6)
    assert m.mass >= 0.8 and m.kept == pytest.approx(m.tempered / m.mass, rel=1e-4)
    assert m.nucleus == c.nucleus[3] and 2**-m.bits == pytest.approx(m.raw, rel=1e-4)


def test_forcing_what_was_drawn_changes_nothing(model, written):
    w = written[2]
    again = writing.force(model, w, 4, VOCABULARY[w.completion.ids[4]], **OPTIONS)
    assert again.completion.headline == w.completion.headline and again.forced == (4,)
    for old, new in zip(w.completion[3:], again.completion[3:]):
        np.testing.assert_allclose(new, old, atol=1e-5)


def test_forcing_goes_on_as_from_that_prefix(model, written):
    w = written[1]
    new = writing.force(model, w, 5, "z", **OPTIONS)
    c = new.completion
    prefix = "sun ri" + w.completion.text[:5] + "z"
    alone = complete(model, prefix, samples=2, **{**OPTIONS, "max_chars": 18})[1]
    assert c.headline == alone.headline and len(c.ids) <= 24 and c.prefix == "sun ri"
    assert c.probability[5] == w.completion.raw[5, VOCABULARY.index("z")]
    landed = microscope.odds(new, 5)
    assert landed[landed.chosen].char.item() == "z"
    assert landed[landed.landed].char.item() == VOCABULARY[w.completion.ids[5]]
    # An earlier force drops the later one; a later one keeps it.
    assert writing.force(model, new, 2, "q", **OPTIONS).forced == (2,)
    assert writing.force(model, new, 7, "q", **OPTIONS).forced == (5, 7)


def test_forcing_the_end_and_the_last_place(model, written):
    end = writing.force(model, written[0], 3, VOCABULARY[END], **OPTIONS).completion
    assert end.ended and end.text == written[0].completion.text[:3] and len(end.ids) == 4
    cut = next(w for w in written if not w.completion.ended)
    last = writing.force(model, cut, 23, "k", **OPTIONS).completion
    assert last.text == cut.completion.text[:23] + "k" and not last.ended
    with pytest.raises(ValueError, match="place must be from 0 to 23, got 24"):
        writing.force(model, cut, 24, "k", **OPTIONS)
    with pytest.raises(ValueError, match="vocabulary"):
        writing.force(model, cut, 2, "é", **OPTIONS)


def test_prepare_lowers_names_and_limits():
    assert writing.prepare("rain in") == ("rain in", ())
    prefix, notes = writing.prepare("It’s Raining")
    assert prefix == "it's raining" and len(notes) == 2 and "Capitals" in notes[0]
    with pytest.raises(ValueError, match=r"“😀” \(U\+1F600, grinning face\)"):
        writing.prepare("rain 😀")
    with pytest.raises(ValueError, match="“É”"):
        writing.prepare("CAFÉ")
    with pytest.raises(ValueError, match=r"“İ” \(U\+0130, latin capital letter i with dot"):
        writing.prepare("İstanbul")  # lowered, İ is two characters
    with pytest.raises(ValueError, match=r"no character \(U\+000A\)"):
        writing.prepare("two\nlines")
    with pytest.raises(ValueError, match="at most 120 characters, and this one has 10,000"):
        writing.prepare("a" * 10_000)
    assert "“#”" in writing.prepare("#rain", seen="\nabcinr")[1][0]


def test_summary_finds_the_least_expected(written):
    s = writing.summary(written)
    bits = [w.completion.surprisal for w in written]
    assert bits[s.row][s.k] == s.bits == max(b.max() for b in bits)
    assert s.bits_per_char == pytest.approx(np.concatenate(bits).mean())
    assert s.choices == pytest.approx(2**s.bits_per_char)


def test_summary_is_of_what_was_drawn(model, written):
    forced = [written[0], writing.force(model, written[1], 0, "~", max_chars=12, seed=3)]
    s = writing.summary(forced)
    assert (s.row, s.k) != (1, 0)
    bits = np.concatenate([forced[0].completion.surprisal, forced[1].completion.surprisal[1:]])
    assert s.bits_per_char == pytest.approx(bits.mean(), rel=1e-6) and s.bits == bits.max()


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("unit", ["lstm", "gru", "rnn"])
def test_a_neurons_value_follows_its_character(unit, skip):
    model = CharLM.init(unit, 2, 6, embedding=5, skip=skip, seed=8)
    line = "abcab"
    found = microscope.neurons(model, line)
    assert found.depth == 2
    state = model.cell.zero_state(1)
    for t, char in enumerate([END, *encode(line)]):
        x = model.embed(tf.constant([[int(char)]]))
        _, state, gates = model.cell.step(x, state)
        if t == 0:
            continue
        for k in range(2):
            h = state[k].h if unit == "lstm" else state[k]
            np.testing.assert_allclose(found.layers[k]["h"][t - 1], h[0], atol=1e-5)
            for name, value in gates[k]._asdict().items():
                np.testing.assert_allclose(found.layers[k][name][t - 1], value[0], atol=1e-5)
    ranked = found.units(1)
    sd = found.layers[1]["h"].std(axis=0)
    assert ranked.unit.iloc[0] == sd.argmax() and sorted(ranked.unit) == list(range(6))
    rows = found.neuron(1, 4)
    assert list(rows[rows.signal == "h"].char) == list(line)
    np.testing.assert_array_equal(rows[rows.signal == "h"].value, found.layers[1]["h"][:, 4])
    if unit == "lstm":
        c = rows[rows.signal == "c"]
        np.testing.assert_allclose(c.shown, np.tanh(c.value))


def test_a_single_layer_and_an_empty_line_can_be_read():
    model = CharLM.init("rnn", 1, 6, embedding=5, seed=8)
    assert microscope.neurons(model, "ab").layers[0]["h"].shape == (2, 6)
    assert microscope.neurons(model, "").neuron(0, 3).empty


def test_tables_and_the_script_give_the_same_headlines(model, written, tmp_path):
    forced = [writing.force(model, written[0], 4, "z", **OPTIONS), *written[1:]]
    rows = writing.table(forced, model="m")
    assert list(rows.headline) == [w.completion.headline for w in forced]
    assert rows.forced.tolist() == ["5", "", ""] and (rows.model == "m").all()
    steps = writing.steps(forced, model="m")
    assert len(steps) == sum(len(w.completion.ids) for w in forced)
    assert steps[steps.forced].character.tolist() == ["“z”"]
    folder = tmp_path / "model"
    checkpoint.save(model, folder)
    (tmp_path / "again.py").write_text(
        writing.script(str(folder), "sun ri", 3, [(0, 4, "z")], **OPTIONS)
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "again.py"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(writing.__file__).parent.parent)},
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split("  ", 1)[1] for line in done.stdout.splitlines()]
    assert lines == [w.completion.headline for w in forced]


def test_cards_say_what_is_wrong(tmp_path):
    assert read_card(tmp_path).held_out is None and not read_card(tmp_path).trouble
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"bits_per_char": {"test": 1.6}, "parameters": 12}))
    assert read_card(tmp_path) == (1.6, "")
    path.write_text(json.dumps({"bits_per_char": {"test": "good"}}))
    assert "bits_per_char.test" in read_card(tmp_path).trouble
    for damaged in ("[1]", "{", "null"):
        path.write_text(damaged)
        assert "metrics.json" in read_card(tmp_path).trouble
