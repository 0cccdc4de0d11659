"""What people type, as Python integers, or one plain sentence that says what is wrong with it."""

from __future__ import annotations


def whole_number(text: str, name: str, *, bits: int) -> int:
    """``text`` as an integer of at most ``bits`` bits; ValueError with a sentence to show."""
    text = text.strip().replace(",", "").replace("_", "").replace("\u2009", "")
    limit = (1 << bits) - 1
    digits = len(str(limit))
    if not text:
        raise ValueError(f"Type a whole number for {name}.")
    if text.startswith(("-", "\u2212")):
        raise ValueError(f"{name} must not be negative: the network adds numbers from 0 up.")
    wrong = next((c for c in text if c not in "0123456789"), None)
    if wrong is not None:
        raise ValueError(f"{name} must be a whole number in digits, but it contains “{wrong}”.")
    text = text.lstrip("0") or "0"
    if len(text) > digits or int(text) > limit:
        raise ValueError(
            f"{name} has {len(text):,} digits; at most {bits:,} bits fit, about {digits} digits."
            if len(text) > digits
            else f"{name} needs {int(text).bit_length():,} bits; at most {bits:,} bits fit."
            if len(text) > 20
            else f"{name} must be at most {limit:,} ({bits:,} bits), got {int(text):,}."
        )
    return int(text)
