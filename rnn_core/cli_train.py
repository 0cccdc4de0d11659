"""The command train: a headline model from a file of headlines, on one machine or several.

Several workers are named in the environment variable TF_CONFIG, as TensorFlow reads it; each is
started with the same command, and the first writes the model.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from pathlib import Path

from rnn_core import cli_options, quiet
from rnn_core.cli_options import add_column, read_headlines

#: What a model to start from decides.
SHAPE = ("unit", "depth", "units", "embedding", "buckets", "skip")

#: TensorFlow ends the process where it can't start as many as it is told; so many it can.
THREADS = 1024

EPILOG = """\
To see your model in the app, copy the folder pretrained and start the app with the copy's path in
the environment variable CARRY_THE_ONE_MODELS. The Headlines page opens headlines-lstm,
headlines-gru and headlines-rnn there: put config.json, model.safetensors and metrics.json from
--out in place of those in one of them (the figure that the page shows is the one for --test), and
in place of training-index what the command index writes.
"""


def add_command(commands) -> None:
    """Add the command to ``commands``, what `ArgumentParser.add_subparsers` returned."""
    train = commands.add_parser("train", help="train a model on headlines", epilog=EPILOG)
    train.add_argument("file", metavar="CSV", help="headlines: .csv, .csv.gz, .zip, or text")
    train.add_argument("--out", required=True, help="folder of the model; resumes what is there")
    train.add_argument("--valid", metavar="FILE", help="to select on (else rows held out by seed)")
    train.add_argument("--test", metavar="FILE", help="to report on")
    train.add_argument(
        "--start", metavar="FOLDER", help="begin with this model; its shape is taken over"
    )
    add_column(train)
    train.add_argument("--group", metavar="COLUMN", help="column that says where a row came from")
    for option, of in (("--share", "each pass"), ("--last-share", "the last pass")):
        train.add_argument(
            option,
            metavar="NAME=SHARE",
            type=_share,
            action="append",
            default=[],
            help=f"share of a group's rows in {of}; may be repeated: where it is given, the groups"
            " that it never names are left out",
        )
    train.add_argument("--unit", default="lstm", help="rnn, gru, gru_no_reset or lstm (lstm)")
    train.add_argument("--depth", type=int, default=3, help="layers (3)")
    train.add_argument("--units", type=int, default=256, help="units a layer (256)")
    train.add_argument(
        "--embedding", type=int, default=64, help="size of a character's vector (64)"
    )
    train.add_argument(
        "--buckets",
        type=_numbers,
        default=(),
        metavar="N,N,...",
        help="sizes of the tables for the last 2, 3, ... characters (none)",
    )
    train.add_argument("--skip", action="store_true", help="skip connections between layers")
    train.add_argument("--epochs", type=int, default=5, help="passes (5)")
    train.add_argument("--batch-size", type=int, default=128, help="headlines a step (128)")
    train.add_argument("--learning-rate", type=float, default=3e-3, help="Adam's (0.003)")
    train.add_argument("--muon-rate", type=float, default=0.02, help="Muon's; 0 for none (0.02)")
    train.add_argument("--warm-up", type=int, default=50, help="steps of rising rates (50)")
    train.add_argument("--dropout", type=float, default=0.0, help="between layers (0)")
    train.add_argument(
        "--ngram-dropout", type=float, default=0.0, help="of the tables' vectors (0)"
    )
    train.add_argument("--clip", type=float, default=1.0, help="longest gradient (1)")
    train.add_argument(
        "--seed", type=cli_options.seed, default=0, help="of weights, batches and masks (0)"
    )
    train.add_argument(
        "--save-every", type=float, default=120, help="seconds between checkpoints (120)"
    )
    train.add_argument(
        "--threads", type=cli_options.whole(1, THREADS), help="processor cores to use (all)"
    )
    shape = {name: train.get_default(name) for name in SHAPE}
    train.set_defaults(run=lambda args: run_train(args, shape))


def _share(value: str) -> tuple[str, float]:
    name, _, share = value.rpartition("=")
    try:
        number = float(share)
    except ValueError:
        number = math.nan
    if not name or not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected NAME=SHARE like uniform=0.5, got {value!r}")
    return name, number


def _numbers(value: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected whole numbers like 97,89, got {value!r}"
        ) from None


def take_shape(args, defaults: dict) -> None:
    """Set the options in `SHAPE` to what the model in ``args.start`` was trained with.

    ValueError where one was given and says otherwise.
    """
    from rnn_core import checkpoint
    from rnn_core.language_training import LanguageSettings

    config = checkpoint.read_config(args.start)
    try:
        saved = LanguageSettings.of(config["settings"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{args.start} does not say how a headline model was trained ({error!r}):"
            " it can't be started from"
        ) from error
    for name in SHAPE:
        given, wanted = getattr(args, name), getattr(saved, name)
        if given not in (defaults[name], wanted):
            raise ValueError(f"{name} must be {wanted!r}, as in {args.start}, got {given!r}")
        setattr(args, name, wanted)


def run_train(args, shape: dict) -> int:
    from rnn_core import text

    data = read_headlines(args.file, column=args.column, group=args.group)
    names = {"train": args.file}
    if args.valid:
        valid, names["valid"] = read_headlines(args.valid, column=args.column), args.valid
        split = "valid is a file of its own"
    else:
        data, valid = text.hold_out(data, seed=args.seed)
        split = f"{len(valid):,} rows of the training file, drawn with seed {args.seed}, are valid"
    test = None
    if args.test:
        test, names["test"] = read_headlines(args.test, column=args.column), args.test
        split += "; test is a file of its own"

    tf = quiet.tensorflow()
    if args.threads:
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
        tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    from rnn_core import checkpoint, language_report
    from rnn_core.cluster import Cluster
    from rnn_core.language_training import LanguageRun, LanguageSettings

    cluster = Cluster()  # before any tensor is made, so before a model is loaded
    start = None
    if args.start:
        take_shape(args, shape)
        language_report.training_of(args.start)  # `finish` needs it: better refused now than then
        start = checkpoint.load(args.start)
    settings = LanguageSettings(
        unit=args.unit,
        depth=args.depth,
        units=args.units,
        embedding=args.embedding,
        buckets=args.buckets,
        skip=args.skip,
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        muon_rate=args.muon_rate,
        warm_up=args.warm_up,
        dropout=args.dropout,
        ngram_dropout=args.ngram_dropout,
        clip=args.clip,
        shares=tuple(args.share),
        last_shares=tuple(args.last_share),
        seed=args.seed,
    )
    run = LanguageRun(settings, data, valid, args.out, start=start, cluster=cluster)
    tell_unnamed("--share", settings.shares, data)
    tell_unnamed("--last-share", settings.last_shares, data)
    say = print if cluster.chief else lambda *_: None
    if run.step:
        say(f"going on from step {run.step:,} of {run.steps:,}")
    try:
        with contextlib.closing(language_report.Progress(run)) as progress:
            run.train(save_every=args.save_every, report=progress)
    except FloatingPointError as error:
        # Another --out, since a checkpoint is of its rates: others are refused as another run.
        print(
            f"error: {error}, and start again with another --out (or remove"
            f" {Path(args.out) / 'resume'}: a checkpoint there is of the old rates)",
            file=sys.stderr,
        )
        return 2
    except (KeyboardInterrupt, tf.errors.UnavailableError) as error:
        why = "stopped" if isinstance(error, KeyboardInterrupt) else "another worker is gone"
        print(
            f"error: {why} (step {run.step:,}); the same command goes on from the last checkpoint",
            file=sys.stderr,
        )
        return 2
    command = language_report.command_of(
        settings,
        names,
        args.out,
        start=args.start,
        column=args.column,
        group=args.group,
        threads=args.threads,
    )
    metrics = language_report.finish(
        run,
        names=names,
        command=command,
        split=split,
        test=test,
        cores=args.threads,
        start=args.start,
    )
    if metrics:
        figures = ", ".join(f"{name} {bits}" for name, bits in metrics["bits_per_char"].items())
        say(f"{args.out}: {metrics['parameters']:,} parameters; bits per character: {figures}")
        say(f"words known: {metrics['words_known']:.1%} of {metrics['words_known_of']}")
    return 0


def tell_unnamed(option: str, shares, data) -> None:
    """Say how many rows of which groups ``shares``, where there are any, leave out."""
    named = dict(shares)
    left = [
        f"{(data.groups == g).sum():,} of {name!r}"
        for g, name in enumerate(data.names)
        if name not in named
    ]
    if named and left:
        print(f"{option}: left out rows of groups not named: {', '.join(left)}", file=sys.stderr)
