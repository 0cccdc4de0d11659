"""What a benchmark ran on, for the head of its table."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path


def hardware() -> str:
    """Cores, processor and load, in one line."""
    names = (
        [
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ]
        if Path("/proc/cpuinfo").exists()
        else [platform.processor()]
    )
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {names[0]}; load average {load:.1f} at the start"


def versions(*packages: str) -> str:
    """Python and the packages that are installed, with their versions."""
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)
