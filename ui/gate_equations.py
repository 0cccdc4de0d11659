"""The equations of one cell with their numbers, as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ui.gate_layout import SYMBOLS

if TYPE_CHECKING:
    from rnn_core.analysis import Line

SQUASH = {"sigmoid": "σ", "tanh": "tanh"}


def table(lines: list[Line]) -> str:
    """The equations as a table: each product, their sum, its squash."""
    rows = []
    for line in lines:
        name = escape(SYMBOLS.get(line.name, line.name))
        form = escape(line.form.replace("sigmoid", "σ").replace("_tilde", "\u0303"))
        rows.append(f'<tr><th colspan="3">{name} = {form}</th></tr>')
        for term in line.terms:
            text = escape(term.text.replace("_tilde", "\u0303"))
            product = "" if term.right is None else f"{number(term.left)} × {number(term.right)}"
            rows.append(f"<tr><td>{text}</td><td>{product}</td><td>{number(term.value)}</td></tr>")
        if line.squash:
            rows.append(f'<tr class="sum"><td>sum</td><td></td><td>{number(line.total)}</td></tr>')
            last = f"{SQUASH[line.squash]}({number(line.total)})"
        else:
            last = "sum"
        rows.append(
            f'<tr class="result"><td><b>{name}</b></td><td>{last}</td>'
            f"<td><b>{number(line.result)}</b></td></tr>"
        )
    return f"{STYLE}<table class='equations'>{''.join(rows)}</table>"


def number(value: float) -> str:
    text = f"{value:+.3f}"
    return "0" if text in ("+0.000", "-0.000") else text.replace("-", "−")


STYLE = """<style>
.equations{width:100%;border-collapse:collapse;font-size:.82rem;font-variant-numeric:tabular-nums}
.equations th{text-align:left;font-weight:600;padding:.55rem 0 .1rem}
.equations td{padding:.02rem .3rem .02rem 0;white-space:nowrap}
.equations td:nth-child(2){opacity:.75;text-align:right}
.equations td:nth-child(3){text-align:right;width:4.2rem;padding-right:0}
.equations tr.sum td{border-top:1px solid rgba(128,128,128,.5)}
</style>"""
