"""What compiled programs weigh in a server: ``python -m benchmarks.server_memory``.

Compiles what the pages need for one shape of network after the other, as visitors who try every
unit and size would have it done, and prints the process's resident memory in between.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from rnn_core.settings import UNITS, AdditionSettings  # noqa: E402
from ui import engine  # noqa: E402

SIZES = (2, 4, 8, 16, 32, 64)


def resident() -> str:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return f"{pages * os.sysconf('SC_PAGE_SIZE') / 1e9:.2f} GB"


def warm(settings: AdditionSettings) -> None:
    while not (engine.compiled(settings) and engine.warm(settings)) or engine._compiling:
        time.sleep(0.05)


def main() -> None:
    engine.start()
    engine.wait()
    print("| shapes of network compiled | resident memory | programs kept |\n| --- | --- | --- |")
    print(f"| none, TensorFlow loaded | {resident()} | |")
    from rnn_core.analysis.observe import observers
    from rnn_core.programs import programs

    warm(AdditionSettings())
    warm(AdditionSettings.tutorial())
    shapes = [AdditionSettings(unit=unit, units=size) for unit in UNITS for size in SIZES]
    for count, settings in enumerate(shapes, 1):
        warm(settings)
        if count % 6 == 0:
            kept = len(programs) + len(observers)
            print(f"| {count}, {settings.unit} the last | {resident()} | {kept} |", flush=True)


if __name__ == "__main__":
    main()
