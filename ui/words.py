"""The sentences on the Train page: what just happened, and what a chart shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnn_core.settings import AdditionSettings

if TYPE_CHECKING:
    import pandas as pd

    from rnn_core.addition import Sum
    from rnn_core.report import Measurement

UNITS = {"rnn": "Simple RNN", "gru": "GRU", "gru_no_reset": "GRU, no reset", "lstm": "LSTM"}
ORDERS = {
    "lowest_first": "Lowest bit first",
    "highest_first": "Highest bit first",
    "both": "Both directions",
}
LOSSES = {"cross_entropy": "Cross-entropy", "squared": "Squared"}
DATA = {"fresh": "Fresh", "fixed": "Fixed"}
WEIGHTS = {"glorot": "Glorot", "small": "sd 0.01"}

#: Widths in the verdict beside the trained one.
FAR, FURTHEST = 64, 1000
#: The share of sums that is called nearly all.
NEARLY = 0.97


def counts(m: Measurement) -> str:
    """'Step 210: 5-bit sums 500 of 500 right. 64-bit 500 of 500. 1,000-bit 100 of 100.'"""
    right, sums = m.right(m.bits)
    first = f"Step {m.step:,}: {m.bits}-bit sums {right} of {sums} right."
    rest = [f"{w:,}-bit {m.right(w)[0]} of {m.right(w)[1]}." for w in (FAR, FURTHEST)]
    return " ".join([first, *rest])


def headline(
    m: Measurement | None, step: int, *, lost: bool = False, order: str = "lowest_first"
) -> str:
    """What the counts mean, in one sentence."""
    if lost:
        return "The loss is no longer a number: lower the learning rate and reset."
    if step == 0:
        return "Untrained. Press Run and watch it learn to carry the one."
    if m is None or m.step == 0:
        return "It has begun to learn."
    right, sums = m.right(m.bits)
    if right < sums:
        if order == "highest_first" and step >= 300:
            return "Highest bit first, it cannot know the carry: some sums by luck, never all."
        if right == 0:
            return f"Not one {m.bits}-bit sum is wholly right yet."
        if right >= NEARLY * sums:
            return f"It gets nearly all {m.bits}-bit sums right: {right} of {sums}."
        return f"It gets some {m.bits}-bit sums right, not all."
    if m.solved(FURTHEST) and m.solved(FAR):
        return f"Solved: trained on {m.bits}-bit sums, it gets 1,000-bit sums right."
    if m.solved(FAR):
        return f"{m.bits}-bit and {FAR}-bit sums come out right, but it slips on the way to 1,000."
    if m.right(FAR)[0] >= NEARLY * m.right(FAR)[1]:
        return f"{m.bits}-bit sums come out right, and nearly all of {FAR} bits."
    return f"{m.bits}-bit sums come out right, but that does not carry over to longer ones."


def loss_sentence(history: pd.DataFrame | None, past: int) -> str:
    if history is None or history.empty:
        text = "No step has been taken yet."
    else:
        last = history.iloc[-1]
        text = (
            f"At step {int(last.step):,} the loss is {last.train_loss:.3g} in training and"
            f" {last.validation_loss:.3g} in validation, where no noise is added."
        )
    if past:
        text += (
            f" Pale: {'an earlier run' if past == 1 else f'{past} earlier runs'}, in validation."
        )
    return text


def width_sentence(m: Measurement | None) -> str:
    if m is None:
        return "Sums wholly right, by width: nothing is measured yet."
    perfect = [int(b) for b in m.table.bits[m.table.right == m.table.sums]]
    if not perfect:
        return f"At step {m.step:,} no width comes out wholly right."
    if len(perfect) == len(m.table):
        return f"At step {m.step:,} every sum tried is right, from {perfect[0]} to 1,000 bits."
    return (
        f"At step {m.step:,} every sum tried is right at"
        f" {', '.join(f'{b:,}' for b in perfect)} bits, and not at the other widths."
    )


def describe(settings: AdditionSettings) -> str:
    """One line that tells this run's settings from another's."""
    parts = [
        f"{UNITS[settings.unit]} {settings.units}",
        f"{settings.bits} bits",
        f"rate {settings.learning_rate:g}",
        f"noise {settings.noise:g}",
        f"seed {settings.seed}",
    ]
    defaults = AdditionSettings()
    for name, words in (("order", ORDERS), ("loss", LOSSES), ("data", DATA), ("weights", WEIGHTS)):
        if getattr(settings, name) != getattr(defaults, name):
            parts.append(words[getattr(settings, name)].lower())
    if settings.batch_size != defaults.batch_size:
        parts.append(f"batch {settings.batch_size}")
    return ", ".join(parts)


def sum_sentence(result: Sum, table: pd.DataFrame, step: int) -> str:
    """The network's sum against the true one."""
    if result.right:
        equation = f"{short(result.a)} + {short(result.b)} = {short(result.total)}"
        return f"**{equation}** is right, at step {step:,}."
    wrong = int(table.wrong.sum())
    return (
        f"At step {step:,} the network says **{short(result.total)}**;"
        f" {short(result.a)} + {short(result.b)} is **{short(result.truth)}**."
        f" {wrong} of {len(table):,} bits {'is' if wrong == 1 else 'are'} wrong."
    )


def strip_sentence(table: pd.DataFrame, long: bool) -> str:
    text = (
        "The network's bits as written: highest first, line by line."
        if long
        else "As written: the highest bit stands left, and carries come from the right."
    )
    return text + (" A cross marks each wrong bit." if table.wrong.any() else "")


def short(number: int) -> str:
    """An integer for reading: long ones are cut in the middle, and say how long they are."""
    text = f"{number:,}" if number < 10**30 else str(number)
    if len(text) <= 40:
        return text
    return f"{text[:14]}…{text[-14:]} ({len(text)} digits)"
