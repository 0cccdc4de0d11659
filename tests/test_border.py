"""The border between what computes and what people see, kept by looking at every import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "rnn_core").rglob("*.py"))
PAGES = [ROOT / "app.py", *sorted((ROOT / "ui").rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            names |= {a.value.split(".")[0] for a in node.args if isinstance(a, ast.Constant)}
    return names


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_the_core_knows_nothing_of_the_screen(path):
    assert not imported(path) & {"streamlit", "altair", "ui"}


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_pages_compute_nothing(path):
    assert not imported(path) & {"tensorflow", "numpy", "keras"}


@pytest.mark.parametrize("path", [*CORE, *PAGES], ids=lambda p: p.name)
def test_nothing_executes_what_it_reads(path):
    assert not imported(path) & {"pickle", "marshal", "shelve", "dill", "joblib"}
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    assert not {"eval", "exec"} & {getattr(c.func, "id", "") for c in calls}


def test_the_imports_are_found():
    """The tests above would pass on nothing."""
    assert "tensorflow" in imported(ROOT / "rnn_core" / "cells.py")
    assert "streamlit" in imported(ROOT / "app.py")
    assert len(CORE) > 5 and len(PAGES) > 5


def test_settings_and_command_lines_come_without_tensorflow():
    code = (
        "import sys, rnn_core.settings, rnn_core.__main__;"
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras', 'streamlit')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
