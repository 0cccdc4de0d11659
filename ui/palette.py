"""One colour, one meaning, on every page and in both themes.

Marks are drawn in colours that keep at least 3:1 against the light and the dark background, so one
chart specification serves both. Right and wrong also differ in shape.
"""

TRAIN = "#3a80c9"
VALIDATION = "#d2691e"
PAST = "#868c96"  # earlier runs of this visit
RIGHT = "#2f8f6b"
WRONG = "#c22f44"
MARKER = "#767c86"  # rules and annotations

BIT_1, ON_BIT_1 = "#566a8c", "#ffffff"  # a cell that holds a 1, and the digit on it
BIT_EDGE = "#a5a9b0"  # a cell that holds a 0 is an empty frame
WRONG_CELL = "#fbe4e4"
CROSS = "M-1,-1L1,1M-1,1L1,-1"  # a wrong bit's mark, as an SVG path

#: Gates, 0 to 1. State the domain wherever it is used.
GATE_DOMAIN = (0.0, 1.0)
GATES = ["#f4f1e8", "#cfdccf", "#9cc3bd", "#63a2ab", "#377d96", "#245a7d", "#1a3860"]

#: States and candidates, -1 to 1, symmetric about 0.
STATE_DOMAIN = (-1.0, 1.0)
STATES = ["#8c3b1f", "#c8703f", "#e5b48f", "#f4f1e8", "#9cbcd4", "#4a86b4", "#1f4f86"]

#: Carry in: none, one. The same pair wherever a point or a state is coloured by its carry.
CARRY = ("#8a8f98", "#a8439b")

#: Surprisal, as a wash behind the text: the thicker, the less expected.
SURPRISE = "#e09a00"

#: One character's odds: the model's own, after temperature, what was drawn from; the random number.
RAW, TEMPERED, KEPT, DRAW = "#8a8f98", "#9a92e0", "#6a5fd0", "#0f8a8a"
