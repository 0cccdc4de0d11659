"""The sentences of the Gates page: what happened, and what may be inferred from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from rnn_core.analysis import Automaton, Line, Reading, Space

NAMES = {
    "z": "update gate z",
    "r": "reset gate r",
    "h_tilde": "candidate h̃",
    "h": "state h",
    "i": "input gate i",
    "f": "forget gate f",
    "o": "output gate o",
    "c_tilde": "candidate c̃",
    "c": "cell state c",
}

TESTS = {
    "lens": "Carry lens",
    "clamp": "Clamp",
    "transplant": "Transplant",
    "automaton": "Automaton",
    "space": "State space",
    "appearance": "When it appeared",
}

INFER = {
    "lens": "**May be inferred:** whether a value, read alone, tells the carry. "
    "**May not:** that the network uses it. A fading memory of the last bits gives untrained units "
    "0.9 and more, so only values near 1 say anything; whether a unit is *used*, a clamp shows.",
    "clamp": "**May be inferred:** whether the sums need this signal to move. **May not:** that this "
    "signal holds the carry. If the sums fail, it may only help; if they survive, another unit may "
    "hold the same.",
    "transplant": "**May be inferred:** if the rest comes out flipped, the state passes on the carry "
    "and nothing else that matters. **May not:** in which units it lies, or that this holds for sums "
    "much wider than those tried.",
    "automaton": "**May be inferred:** on sums like those tried, the network *is* this machine, so it "
    "works for the right reason. **May not:** that no input leads elsewhere: agreement is counted on "
    "random sums, not proved.",
    "space": "**May be inferred:** whether states fall apart by their carry in the two directions in "
    "which they vary most. **May not:** that states which overlap here do not hold the carry: it may "
    "lie in a direction this picture leaves out.",
    "appearance": "**May be inferred:** the order in which things came, in this one run. **May not:** "
    "that the carry was absent where the AUC is below 1, or that another seed keeps this order.",
}


def verdict(reading: Reading) -> str:
    """'211 + 69 = 280: every bit is right.'"""
    if not reading.wrong:
        return f"{reading.a:,} + {reading.b:,} = {reading.total:,}: every bit is right."
    return f"The network says {reading.a:,} + {reading.b:,} = {reading.total:,}. It is {reading.truth:,}."


def detail(reading: Reading, table: pd.DataFrame) -> str:
    """The carries, and which bits are wrong."""
    carries = int(table["carry_out"].sum())
    text = (
        "No bit carries"
        if not carries
        else f"{_bits(carries)} carries"
        if carries == 1
        else (f"{_bits(carries)} carry")
    )
    if reading.wrong:
        which = ", ".join(map(str, reading.wrong[:12])) + ("…" if len(reading.wrong) > 12 else "")
        plural = "s" if len(reading.wrong) > 1 else ""
        return (
            f"Bit{plural} {which} {'are' if plural else 'is'} wrong: framed, with a cross. {text}."
        )
    return f"{text} into the next."


def equations(unit: str, bit: int, lines: list[Line]) -> str:
    """What stands under the equations of a cell: which it is, and which state is meant."""
    text = f"Unit {unit} at bit {bit}, with this step's numbers"
    if any(line.name == "c" for line in lines):
        text += "; h and c on the right are those before the bit, but tanh(c) takes the new c"
    else:
        text += "; h on the right is the state before the bit"
    worst = max(line.gap for line in lines)
    if not worst:
        return f"{text}."
    return (
        f"{text}. Worked out term by term they match the network's own values within {worst:.8f}."
    )


def _bits(count: int) -> str:
    return f"{count} bit{'' if count == 1 else 's'}"


def lens(best: pd.Series, tells: float, label: str, count: int) -> str:
    """What the best signal knows; a claim only from ``tells`` on."""
    where = f"the {NAMES[best.signal]} of unit {label}"
    scores = f"AUC {best.auc:.3f}; with shuffled labels {best.shuffled_auc:.3f}"
    if best.auc < tells:
        return f"No signal tells the carry reliably. Best is {where} ({scores})."
    more = f" So do {count - 1} more." if count > 1 else ""
    sign = "high" if best.sign > 0 else "low"
    return f"{where[0].upper()}{where[1:]} tells the carry: {sign} where one is on its way ({scores}).{more}"


def clamp(table: pd.DataFrame, signal: str, unit: str | None, value: float) -> str:
    who = "every unit" if unit is None else f"unit {unit}"
    parts = [
        f"{row.bits}-bit sums {row.before:.0%} → {row.after:.0%}" for row in table.itertuples()
    ]
    worst = (table["before"] - table["after"]).max()
    if table["before"].max() <= 0.005:
        verdict = "It can't add either way, so this clamp shows nothing."
    elif worst <= 0.005:
        verdict = "The sums do not need it to move."
    elif table["after"].max() <= 0.05:
        verdict = "Without it the network can't add."
    else:
        verdict = "It matters."
    return f"With the {NAMES[signal]} of {who} held at {value:g}: {', '.join(parts)}. {verdict}"


def transplants(table: pd.DataFrame) -> str:
    done, tried, before = int(table["success"].sum()), len(table), int(table["before"].sum())
    return (
        f"In {done} of {tried} fresh pairs the rest of the sum came out with the carry flipped"
        f" (without a transplant: {before})."
    )


def transplant(table: pd.DataFrame, reading: Reading, a: int, b: int, bit: int) -> str:
    later = table[table["later"]]
    wrong = int((~later["right"]).sum())
    how = (
        "all later bits come out as if the carry had been flipped"
        if not wrong
        else f"{wrong} of the {len(later)} later bits do not come out as a flipped carry would have them"
    )
    return (
        f"After bit {bit} of {reading.a:,} + {reading.b:,}, the state that {a:,} + {b:,} left there"
        f" takes over: {how}."
    )


def automaton(found: Automaton) -> str:
    return f"{'Recovered' if found.recovered else 'Not recovered'}: {found.reason}"


def space(space: Space) -> str:
    first, second = space.share
    return (
        f"The two components hold {first:.0%} and {second:.0%} of the variance of the states."
        " Colour and shape show the true carry out of the bit; the line follows this sum, bit by bit."
    )


def appearance(
    auc: int | None, exact: int | None, transplant: int | None, *, tells: float, moved: bool
) -> str:
    """From which step on each holds, None: not at the last; ``moved``: whether transplants apply."""

    def at(step: int | None, what: str) -> str:
        return f"{what} from step {step:,} on" if step is not None else f"{what}: not at the end"

    parts = [at(auc, f"A signal tells the carry (AUC at least {tells:g})")]
    if moved:
        parts.append(at(transplant, "99% of transplants flip the carry"))
    parts.append(at(exact, "99% of 8-bit sums are right"))
    return f"{'; '.join(parts)}."
