"""The sentences on the Headlines page: what just happened, and what is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ui.headline_models import NAMES
from ui.tinted import FULL

if TYPE_CHECKING:
    from rnn_core.cards import Card
    from rnn_core.copied import CopyIndex, Shared
    from rnn_core.microscope import Moment
    from rnn_core.writing import Summary, Written

INVENTED = "**Invented by a network, not news.** Names and claims in these headlines are made up."
WAITING = """
A moment: TensorFlow is loading. Meanwhile, what you are about to see:

- **One character at a time.** The network reads your beginning letter by letter and keeps what it
  needs in its memory. After each letter it gives odds for all 96 characters that could come next,
  *end of headline* among them.
- **One random number a character.** It falls on those odds laid side by side. Only the likeliest
  characters stay in play, the *nucleus*: as few as hold top-p of the odds together.
- **The tint is surprise.** A character that had odds of 1 in 2 cost 1 bit, 1 in 256 cost 8 bits.
  The stronger the tint, the less the network expected what came.
"""
SHORT = {"lstm": "the LSTM", "gru": "the GRU", "rnn": "the simple RNN"}


def times(count: int) -> str:
    words = {1: "once", 2: "twice", 3: "three times", 4: "four times", 5: "five times"}
    return words.get(count, f"{count} times")


def plain(text: str) -> str:
    """Text that visitors or networks wrote, for a place that reads Markdown."""
    # Streamlit's own marks (:smile:, :red[...]) can't be escaped; a word joiner breaks them up.
    return re.sub(r"([\\`*_{}\[\]()#+\-.!$~<>|^=&])", r"\\\1", text).replace(":", ":\u2060")


def shorten(text: str, limit: int = 48) -> str:
    """The end of a long text: what was read last says most."""
    return text if len(text) <= limit else "…" + text[-limit:]


def together(names: list[str]) -> str:
    """'the LSTM, the GRU and the simple RNN'"""
    *first, last = (SHORT[name] for name in names)
    return f"{', '.join(first)} and {last}" if first else last


def headline(names: list[str], prefix: str, count: int, forced: list[str]) -> str:
    """What just happened, in one sentence; ``forced`` has a model's name for each character."""
    if forced:
        what = "a character" if len(forced) == 1 else f"{len(forced)} characters"
        models = [name for name in names if name in forced]
        return f"You forced {what}, and {together(models)} went on from there."
    who = together(names)
    who = who[0].upper() + who[1:]
    each = " each" if len(names) > 1 else ""
    if not prefix:
        what = "a headline" if count == 1 else f"{count} headlines"
        return f"{who} made up {what}{each}, from nothing."
    return f"{who} finished “{plain(shorten(prefix))}” {times(count)}{each}."


def detail(s: Summary, text: str, came: str) -> str:
    """How sure the network was, and where it was least so."""
    after = f"after “{plain(shorten(text, 24))}”" if text else "at the start"
    return (
        f"By its own odds a character cost **{s.bits_per_char:.2f} bits** on average, like one of"
        f" {s.choices:.1f} equally likely. Least expected: {plain(came)} {after}, {s.bits:.1f} bits."
    )


def compare(summaries: dict[str, Summary]) -> str:
    """Several networks on one beginning."""
    each = ", ".join(f"{SHORT[n]} **{s.bits_per_char:.2f}**" for n, s in summaries.items())
    return (
        f"Bits a character, on average: {each}. The fewer, the surer it was of its own words;"
        " how well each predicts real headlines stands beside its name."
    )


def held_out(card: Card) -> str:
    """A model's standing, for its name's side."""
    if card.held_out is not None:
        return f"{card.held_out:.3f} bits a character, held out"
    return "no held-out figure"


def note(w: Written, shared: Shared | None) -> str:
    """The line under a completion."""
    c = w.completion
    parts = [f"{c.bits_per_char:.2f} bits a character"]
    if not c.ended:
        parts.append("cut at this length")
    if shared is not None:
        parts.append(copied(shared))
    return "  ·  ".join(parts)


def copied(shared: Shared) -> str:
    if shared.whole:
        return "this very headline stands in the training text"
    if shared.words == 0:
        return "shares no two words in a row with the training text"
    return f"shares {shared.words} words in a row with the training text (underlined)"


def index_sentence(index: CopyIndex | None, trouble: str) -> str:
    if index is None:
        return trouble
    return (
        "Underlined: the longest run of whole words that also stands in one training headline, beginning"
        " included. It is looked up in a hashed index that never misses a run, and claims one that"
        f" is not there in {index.false_stretch_rate:.2%} of cases."
    )


def moment(m: Moment) -> str:
    """The microscope in one sentence."""
    from rnn_core.writing import name_of

    place = f"After “{plain(shorten(m.before))}”" if m.before else "At the start"
    came, landed = plain(name_of(m.came)), plain(name_of(m.landed))
    odds = f"the model gave {came} {chance(m.raw)}"
    if m.rank > 1:
        odds += f", in place {m.rank} of 96"
    if m.forced:
        return f"{place} {odds}. The number {m.draw:.4f} fell on {landed}; you forced {came}."
    return (
        f"{place} {odds}. The number {m.draw:.4f} fell between {m.start:.4f} and {m.end:.4f}:"
        f" on {came}."
    )


def chance(p: float) -> str:
    """Odds for reading: '5.7%', '0.042%', '1 in 40,000'."""
    if p >= 0.001:
        return f"{p:.1%}"
    if p >= 0.0001:
        return f"{100 * p:.2g}%"
    return f"1 in {float(f'{1 / p:.2g}'):,.0f}" if p > 0 else "0"


def nucleus(m: Moment, top_p: float) -> str:
    if m.nucleus == 1:
        return f"One character alone holds at least top-p = {top_p:g}: there was no choice."
    cut = 96 - m.nucleus
    return (
        f"{m.nucleus} characters stay in play, which hold {m.mass:.1%} together (top-p {top_p:g});"
        + (f" the other {cut} are cut away and stand hollow." if cut else " none is cut away.")
        + " The triangle marks the one that came."
    )


def label(name: str, bits: float, p: float) -> str:
    """What hovering a character says."""
    return f"{name}: {bits:.2f} bits, odds {chance(p)}"


def neuron(layer: int, unit: int, sd: float, rank: int) -> str:
    place = "varies most of all" if rank == 1 else f"is number {rank} by how much it varies"
    return f"Unit {unit} of layer {layer} {place} over this text (standard deviation {sd:.2f})."


def model_label(name: str) -> str:
    return NAMES.get(name, "All three")


#: On the tint, once for the page.
TINT = (
    f"Tint: how little the network expected each character, 0 to {FULL} bits. Pick any character to"
    " see all its odds. \u00b6 is the end of the headline, which is drawn like any other character."
)


def domains(signals: list[str]) -> str:
    """What the colours of a neuron's signals mean."""
    text = (
        "Each value is what the unit holds after reading that character. States and candidates are"
        " drawn from \u22121 to 1, gates from 0 to 1, always."
    )
    if "c" in signals:
        text += (
            " The LSTM's cell state c has no bound, so tanh(c) is drawn, which is what the output"
            " gate lets through: h = o \u00b7 tanh(c)."
        )
    return f"{text} That a unit varies with something is a hint of what it does, not a proof."
