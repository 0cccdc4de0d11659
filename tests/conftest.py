"""The browser harness: one server for the session, one Chromium, a page for each test.

    def test_something(open_page):
        page = open_page("/?units=8")       # painted and idle
        page.get_by_role("button", name="Run").click()
        idle(page)

``page.errors`` collects what the console and the page reported as errors; the fixture fails a
test that leaves any.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
TIMEOUT = 90_000  # milliseconds; a shared machine can be slow, and no test is about time
CONNECTED = '[data-testid="stApp"][data-test-connection-state="CONNECTED"]'
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def find_chromium() -> str | None:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return MAC if Path(MAC).exists() else None


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pytest_sessionfinish() -> None:
    """An interpreter that ends while XLA compiles in a thread does not end well."""
    for thread in threading.enumerate():
        if thread.name.startswith("engine"):
            thread.join(300)


class Server:
    """``streamlit run app.py`` on a port of its own."""

    def __init__(self, log: Path, *options: str):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        command += ["--server.port", str(self.port), "--server.address", "127.0.0.1"]
        command += ["--server.headless", "true", *options]
        with open(log, "wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)

    def wait(self, seconds: float = 120) -> Server:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url + "/_stcore/health", timeout=1):
                    return self
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the server did not come up:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def core():
    """TensorFlow in, and the default network compiled: what a server does when it starts."""
    from rnn_core.settings import AdditionSettings
    from ui import engine

    assert engine.wait(120)
    settings = AdditionSettings()
    deadline = time.monotonic() + 120
    while not (engine.compiled(settings) and engine.warm(settings)):
        assert time.monotonic() < deadline, "the default network was not compiled"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """A function that starts one more server; all are stopped at the end."""
    servers = []

    def start(*options: str) -> Server:
        log = tmp_path_factory.mktemp("server") / "log.txt"
        servers.append(Server(log, *options))
        return servers[-1].wait()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def server(start_server) -> Server:
    return start_server()


@pytest.fixture(scope="session")
def browser():
    path = find_chromium()
    if path is None:
        reason = "no chromium, chromium-browser or google-chrome on PATH"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """An empty page of its own context, 1440x900, whose errors fail the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    watch_errors(page)
    yield page
    context.close()
    assert not page.errors, page.errors


@pytest.fixture
def open_page(page, server):
    """``open_page(path)`` -> the page there, painted and idle."""

    def open(path: str = "/"):
        page.goto(server.url + path)
        idle(page)
        return page

    return open


def watch_errors(page) -> None:
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(f"pageerror: {error}"))

    def on_console(message):
        if message.type == "error" and "Failed to load resource" not in message.text:
            page.errors.append(f"console: {message.text}")

    page.on("console", on_console)


def idle(page, timeout: float = TIMEOUT) -> None:
    """Wait until the page is connected and its script has come to rest.

    While training the script rests only between two polls; wait for a text instead.
    """
    page.wait_for_selector(CONNECTED, timeout=timeout)
    page.wait_for_selector(IDLE, timeout=timeout)
    page.wait_for_selector('[data-testid="stSkeleton"]', state="detached", timeout=timeout)
    assert page.locator('[data-testid="stException"]').count() == 0, page.locator(
        '[data-testid="stException"]'
    ).first.inner_text()
