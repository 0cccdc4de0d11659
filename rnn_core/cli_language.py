"""The commands about headlines: complete, sample, evaluate, index, train.

Nothing here imports TensorFlow before a command needs it, so that --help answers at once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rnn_core import cli_options, cli_train, quiet
from rnn_core.cli_options import add_column, read_headlines

#: What a command opens where no --model is given.
PRETRAINED = Path(__file__).resolve().parent.parent / "pretrained"


def add_commands(commands) -> None:
    """Add the five to ``commands``, what `ArgumentParser.add_subparsers` returned."""
    complete = commands.add_parser("complete", help="let a model finish a headline")
    complete.add_argument("prefix", help="how the headline begins")
    sample = commands.add_parser("sample", help="let a model invent headlines")
    for command, count, function in ((complete, 1, run_complete), (sample, 10, run_sample)):
        _model(command)
        command.add_argument("-n", "--number", type=int, default=count, help=f"how many ({count})")
        command.add_argument("--top-p", type=float, default=0.9, help="mass of the nucleus (0.9)")
        command.add_argument("--temperature", type=float, default=1.0, help="below 1: safer (1)")
        command.add_argument("--max-chars", type=int, default=80, help="longest completion (80)")
        command.add_argument(
            "--seed", type=cli_options.seed, default=0, help="the same seed, the same text (0)"
        )
        command.set_defaults(run=function)

    evaluate = commands.add_parser("evaluate", help="bits per character of a model on a file")
    evaluate.add_argument("file", help="headlines: .csv, .csv.gz, .zip, or text with one a line")
    _model(evaluate)
    add_column(evaluate)
    evaluate.set_defaults(run=run_evaluate)

    index = commands.add_parser("index", help='build the index behind "is it copied?"')
    index.add_argument("file", metavar="CSV", help="the training headlines")
    index.add_argument("--out", required=True, help="folder to write")
    index.add_argument("--probe", metavar="FILE", help="headlines to measure false positives with")
    index.add_argument("--bits", type=float, default=8.0, help="bits for each run of words (8)")
    add_column(index)
    index.set_defaults(run=run_index)

    cli_train.add_command(commands)


def _model(command) -> None:
    command.add_argument(
        "--model", default=PRETRAINED / "headlines-lstm", help="folder (pretrained/headlines-lstm)"
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def run_complete(args) -> int:
    return _complete(args, args.prefix)


def run_sample(args) -> int:
    return _complete(args, "")


def _complete(args, typed: str) -> int:
    model, config = _load(args.model)
    from rnn_core import sampling, writing

    prefix = writing.prepare(typed, config.get("seen"))
    for note in prefix.notes:
        print(note, file=sys.stderr)
    found = sampling.complete(
        model,
        prefix.text,
        samples=args.number,
        top_p=args.top_p,
        temperature=args.temperature,
        max_chars=args.max_chars,
        seed=args.seed,
    )
    if args.json:
        print(json.dumps([_as_json(c) for c in found], indent=2))
    else:
        print("\n".join(c.headline for c in found))
    return 0


def _as_json(completion) -> dict[str, Any]:
    columns = (
        completion.ids,
        completion.probability,
        completion.surprisal,
        completion.nucleus,
        completion.draw,
    )
    from rnn_core.text import VOCABULARY

    return {
        "headline": completion.headline,
        "prefix": completion.prefix,
        "text": completion.text,
        "ended": completion.ended,
        "bits_per_char": completion.bits_per_char,
        "characters": [
            {
                "character": VOCABULARY[i],
                "probability": float(p),
                "surprisal": float(bits),
                "nucleus": int(size),
                "draw": float(u),
            }
            for i, p, bits, size, u in zip(*columns)
        ],
    }


def run_evaluate(args) -> int:
    headlines = read_headlines(args.file, column=args.column)
    model, _ = _load(args.model)
    from rnn_core.language import bits_per_char

    bits, characters = bits_per_char(model, headlines), int(headlines.lengths.sum())
    if args.json:
        found = {"bits_per_char": bits, "characters": characters, "headlines": len(headlines)}
        print(json.dumps(found))
    else:
        print(f"bits per character: {bits:.4f}")
        print(f"characters: {characters:,} of {len(headlines):,} headlines, their ends counted")
    return 0


def run_index(args) -> int:
    from rnn_core.copied import CopyIndex

    headlines = read_headlines(args.file, column=args.column)
    probes = read_headlines(args.probe, column=args.column) if args.probe else None
    index = CopyIndex.build(
        list(headlines.texts()),
        bits_per_item=args.bits,
        probes=probes and list(probes.texts()),
    )
    index.save(args.out)
    print(f"{index.about['runs']:,} runs of words in {len(index.bits) / 1e6:.1f} MB: {args.out}")
    print(
        f"claimed falsely: {index.false_positive_rate:.2%} of runs, {index.false_stretch_rate:.2%}"
        f" of stretches ({index.about['probes']:,} {index.about['measured_on']})"
    )
    return 0


def _load(folder):
    """The model in ``folder`` and its config.json."""
    quiet.tensorflow()
    from rnn_core import checkpoint
    from rnn_core.language import CharLM

    model, config = checkpoint.read(folder)
    if not isinstance(model, CharLM):
        raise ValueError(f"{folder}: expected a CharLM, found {type(model).__name__}")
    return model, config
