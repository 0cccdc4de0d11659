"""The command add: train a network to add, then let it add two numbers.

Nothing here imports TensorFlow before the command runs, so that --help answers at once.
"""

from __future__ import annotations

import argparse

from rnn_core import cli_options, quiet
from rnn_core.settings import AdditionSettings

#: What to train with by name, and for how many steps.
PRESETS = {"exact": (AdditionSettings, 200), "tutorial": (AdditionSettings.tutorial, 5000)}

#: How often the losses are printed in one training.
LINES = 10

#: The widest numbers, in bits: results are measured up to here, and what Python prints at most,
#: 4,300 digits, lies beyond it, so that no sum fails for its length once the network is trained.
BITS = 10_000


def add_command(commands) -> None:
    """Add the command to ``commands``, what `ArgumentParser.add_subparsers` returned."""
    add = commands.add_parser("add", help="train an adder, then add two numbers with it")
    add.add_argument("a", type=whole_number, help=f"a whole number of up to {BITS:,} bits")
    add.add_argument("b", type=whole_number, help="another")
    add.add_argument(
        "--preset", choices=list(PRESETS), default="exact", help="how to train (exact)"
    )
    add.add_argument(
        "--seed", type=cli_options.seed, default=0, help="of weights, sums and noise (0)"
    )
    add.add_argument(
        "--steps", type=cli_options.whole(0), help="of training (exact 200, tutorial 5,000)"
    )
    add.set_defaults(run=run_add)


def whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, got {text!r}")
    text = text.lstrip("0") or "0"
    most = len(str(1 << BITS))
    if len(text) > most or int(text).bit_length() > BITS:
        raise argparse.ArgumentTypeError(
            f"must have at most {BITS:,} bits, about {most - 1:,} digits; got {len(text):,} digits"
        )
    return int(text)


def run_add(args) -> int:
    """0 if the sum is right, 1 if not."""
    preset, steps = PRESETS[args.preset]
    settings = preset(seed=args.seed)
    steps = steps if args.steps is None else args.steps
    quiet.tensorflow()
    from rnn_core.training import AdditionRun

    run = AdditionRun(settings)
    train(run, steps)
    total = run.add(args.a, args.b)
    print(f"{args.a} + {args.b} = {total}")
    if total == args.a + args.b:
        print("right")
        return 0
    print(f"wrong: it is {args.a + args.b}")
    return 1


def train(run, steps: int) -> None:
    """Train under a progress bar; both losses, as they fall, go to standard output."""
    from tqdm import tqdm

    print("  step  train loss  validation loss")
    lines = min(LINES, steps)
    with tqdm(total=steps, desc="compiling", unit=" steps", leave=False) as bar:
        for line in range(1, lines + 1):
            run.advance(steps * line // lines - run.step)
            bar.set_description("training", refresh=False)
            bar.update(run.step - bar.n)
            now = run.history.iloc[-1]
            tqdm.write(f"{run.step:6,d}  {now.train_loss:10.6f}  {now.validation_loss:15.6f}")
