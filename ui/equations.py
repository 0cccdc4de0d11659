"""The equations of each unit as LaTeX, in the notation of rnn_core/cells.py."""

from __future__ import annotations

EQUATIONS: dict[str, list[str]] = {
    "rnn": [r"h = \tanh(x W + h\,U + b)"],
    "gru": [
        r"z = \sigma(x W_z + h\,U_z + b_z)",
        r"r = \sigma(x W_r + h\,U_r + b_r)",
        r"\tilde h = \tanh(x W_h + (r \odot h)\,U_h + b_h)",
        r"h \leftarrow (1 - z) \odot h + z \odot \tilde h",
    ],
    "gru_no_reset": [
        r"z = \sigma(x W_z + h\,U_z + b_z)",
        r"\tilde h = \tanh(x W_h + h\,U_h + b_h)",
        r"h \leftarrow (1 - z) \odot h + z \odot \tilde h",
    ],
    "lstm": [
        r"i = \sigma(x W_i + h\,U_i + b_i)",
        r"f = \sigma(x W_f + h\,U_f + b_f)",
        r"\tilde c = \tanh(x W_c + h\,U_c + b_c)",
        r"o = \sigma(x W_o + h\,U_o + b_o)",
        r"c \leftarrow f \odot c + i \odot \tilde c",
        r"h = o \odot \tanh(c)",
    ],
}

NOTES: dict[str, str] = {
    "rnn": "Elman 1990. There is no gate: all that is remembered passes through the tanh.",
    "gru": "Chung et al. 2014: $z$ near 0 keeps the old state. Cho 2014, Keras and PyTorch write "
    r"$h \leftarrow z \odot h + (1 - z) \odot \tilde h$: their $z$ is $1 - z$ here. "
    "The reset gate acts before the product (`reset_after=False` in Keras).",
    "gru_no_reset": "A GRU whose reset gate is always open, so that it has none. $z$ near 0 keeps "
    "the old state; Cho 2014, Keras and PyTorch write $1 - z$ for this $z$.",
    "lstm": "Hochreiter & Schmidhuber 1997, forget gate by Gers et al. 2000. "
    "The forget bias starts at 1.",
}


def latex(unit: str) -> str:
    """The unit's equations, one under the other, aligned at their first sign."""
    lines = []
    for equation in EQUATIONS[unit]:
        sign = min((equation.index(s), s) for s in ("=", r"\leftarrow") if s in equation)[1]
        lines.append(equation.replace(sign, "&" + sign, 1))
    return r"\footnotesize\begin{aligned}" + r"\\[2pt]".join(lines) + r"\end{aligned}"
