"""The command line: ``python -m rnn_core add | complete | sample | train | evaluate | index``."""

from __future__ import annotations

import argparse
import sys

from rnn_core import cli_addition, cli_language


def main(argv: list[str] | None = None) -> int:
    """Run a command; its exit status. 2 for input that can't be worked with, and it says why."""
    parser = argparse.ArgumentParser(
        prog="python -m rnn_core",
        description="Recurrent networks that add binary numbers and finish headlines.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    cli_addition.add_command(commands)
    cli_language.add_commands(commands)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
