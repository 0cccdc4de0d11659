"""How long a visitor waits: ``python benchmarks/server_latency.py`` prints a Markdown table.

Starts a server of its own and drives it in Chromium. It needs what the tests need
(requirements-dev.txt and a Chromium), and a machine with nothing else to do.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import ARGS, Server, find_chromium  # noqa: E402
from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

VISITORS, STARTS = 10, 3
TITLE = 'h2:has-text("Untrained"), h2:has-text("One moment")'
AT_STEP = re.compile(r"^At step ([\d,]+) the loss")


def visitor(browser: Browser, server: Server, path: str = "/") -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(180_000)
    page.goto(server.url + path, wait_until="commit")
    return page


def button(page: Page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def step(page: Page) -> int:
    found = page.get_by_text(AT_STEP)
    if found.count() == 0:
        return 0
    return int(AT_STEP.match(found.first.inner_text())[1].replace(",", ""))


def seconds_to(page: Page, script: str, argument=None) -> float:
    """Seconds until ``script``, asked at every frame of the browser, is true."""
    start = time.perf_counter()
    page.wait_for_function(script, arg=argument, polling="raf")
    return time.perf_counter() - start


CURVE = """() => {
    const path = document.querySelector('svg.marks .mark-line path[d]');
    const drawn = path && path.getAttribute('d').length > 4;
    // An earlier run's curve is there too; only the sentence beneath says that this run moved.
    return drawn && /At step [\\d,]+ the loss/.test(document.body?.innerText);
}"""
EMPTY = "() => document.body?.innerText.includes('No step has been taken yet.')"
SAYS = "text => document.body?.innerText.includes(text)"


def first_point(page: Page, name: str = "Run") -> float:
    button(page, name).wait_for()
    start = time.perf_counter()
    button(page, name).click()
    page.wait_for_function(CURVE, polling="raf")
    return time.perf_counter() - start


def at_rest(page: Page) -> None:
    expect(button(page, "Pause")).to_be_disabled()


def cpu_seconds(server: Server) -> float:
    """CPU time that the server has used, all its threads together."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def choose(page: Page, control: str, option: str) -> None:
    page.get_by_role("combobox", name=control).click()
    page.get_by_role("option", name=option).click()


class Table:
    """Rows of what was measured; each is told on stderr as it comes."""

    def __init__(self):
        self.rows: list[tuple[str, str, str]] = []

    def row(self, what: str, value: str, goal: str = "") -> None:
        self.rows.append((what, value, goal))
        print(f"{what}: {value}", file=sys.stderr, flush=True)

    def print(self) -> None:
        print("| what | measured | goal |\n| --- | --- | --- |")
        for cells in self.rows:
            print("| " + " | ".join(cells) + " |")


def each(times: list[float]) -> str:
    return ", ".join(f"{seconds:.1f}" for seconds in times) + " s"


def fresh_servers(table: Table, browser: Browser, folder: Path) -> Server:
    """What the first visitor of a server waits for, every time on a new one; the last one started."""
    up, painted, loading, points = [], [], [], {0: [], 1: []}
    for later in [0, 1] * STARTS:
        start = time.perf_counter()
        server = Server(folder / "log.txt").wait()
        up.append(time.perf_counter() - start)
        page = visitor(browser, server)
        page.wait_for_selector(TITLE)
        painted.append(time.perf_counter() - start)
        loading.append(page.locator('h2:has-text("One moment")').count() == 1)
        page.wait_for_timeout(1000 * later)
        points[later].append(first_point(page))
        page.context.close()
        if len(up) < 2 * STARTS:
            server.stop()
    table.row(f"a server answers, after its start, median of {len(up)}", f"{median(up):.2f} s")
    table.row("its first page painted, after its start", each(painted))
    table.row("TensorFlow still loading at that moment", f"{sum(loading)} of {len(loading)} times")
    table.row("its first click, in that very moment, to first point", each(points[0]), "3 s")
    table.row("its first click, a second later, to first point", each(points[1]), "3 s")
    return server


def first_headlines(table: Table, browser: Browser, folder: Path) -> None:
    times = []
    for _ in range(STARTS):
        server = Server(folder / "log.txt").wait()
        start = time.perf_counter()
        page = visitor(browser, server, "/headlines")
        page.get_by_role("heading", name="The LSTM finished").wait_for()
        times.append(time.perf_counter() - start)
        page.context.close()
        server.stop()
    table.row("fresh server: Headlines opened to first completions", each(times), "10 s")


def resets(table: Table, browser: Browser, server: Server) -> None:
    page = visitor(browser, server)
    seconds_to(page, SAYS, "Press Run")
    times = []
    for _ in range(4):
        times.append(first_point(page))
        button(page, "Pause").click()
        at_rest(page)
        button(page, "Reset").click()
        seconds_to(page, EMPTY)
    table.row(
        "after Reset: click to first point, median of 3", f"{median(times[1:]):.2f} s", "0.5 s"
    )
    page.context.close()


def later_visitors(table: Table, browser: Browser, server: Server) -> None:
    times, paints = [], []
    for seed in range(3):
        start = time.perf_counter()
        page = visitor(browser, server, f"/?seed={seed + 1}")
        page.wait_for_selector(TITLE)
        paints.append(time.perf_counter() - start)
        seconds_to(page, SAYS, "Press Run")
        times.append(first_point(page))
        page.context.close()
    table.row("later visitor: page painted, median of 3", f"{median(paints):.2f} s")
    table.row("later visitor: click to first point, median of 3", f"{median(times):.2f} s", "0.5 s")


def one_visitor(table: Table, browser: Browser, server: Server) -> None:
    """A slider's answer while training flat out, and what training costs."""
    page = visitor(browser, server)
    seconds_to(page, SAYS, "Press Run")
    choose(page, "Stop when solved", "Never")
    choose(page, "Speed", "Flat out")
    first_point(page)
    times = []
    slider = page.get_by_role("slider", name="Learning rate")
    for k in range(9):
        rate = ("0.01", "0.02")[k % 2]
        slider.press("ArrowLeft" if k % 2 == 0 else "ArrowRight")
        times.append(seconds_to(page, SAYS, f"on: rate {rate},"))
        page.wait_for_timeout(400)
    table.row(
        "a slider's answer while training flat out, median of 9",
        f"{median(times):.2f} s",
        "0.3 s",
    )
    table.row("the slowest of them", f"{max(times):.2f} s")
    now, start = step(page), time.perf_counter()
    page.wait_for_timeout(3000)
    pace = (step(page) - now) / (time.perf_counter() - start)
    table.row("steps a second, one visitor flat out", f"{pace:,.0f}")

    choose(page, "Speed", "2 steps/s")
    page.wait_for_timeout(2000)
    share = load(page, server, 5)
    table.row(
        "CPU of the server for one visitor at 2 steps/s (2 polls/s)", f"{share:.0%} of a core"
    )
    page.context.close()


def ten_visitors(table: Table, browser: Browser, server: Server) -> None:
    """All of them flat out, and what is left when their tabs are closed."""
    pages = [visitor(browser, server, f"/?seed={seed}") for seed in range(VISITORS)]
    for page in pages:
        seconds_to(page, SAYS, "Press Run")
        choose(page, "Stop when solved", "Never")
        choose(page, "Speed", "Flat out")
    for page in pages:
        button(page, "Run").click()
    for page in pages:
        page.wait_for_function(CURVE)
    before = [step(page) for page in pages]
    pages[0].wait_for_timeout(5000)
    moved = [step(page) - b for page, b in zip(pages, before)]
    table.row(
        f"{VISITORS} visitors flat out, 5 s: those that moved",
        f"{sum(m > 0 for m in moved)}",
        f"{VISITORS}",
    )
    table.row("the fewest and the most steps among them", f"{min(moved):,} and {max(moved):,}")
    table.row("CPU of the server meanwhile", f"{load(pages[0], server, 3):.0%} of a core")
    idle = browser.new_page()
    for page in pages:
        page.context.close()
    idle.wait_for_timeout(1000)
    share = load(idle, server, 4)
    table.row("CPU of the server 1 s after their tabs closed", f"{share:.0%} of a core", "0%")
    idle.close()


def settle(table: Table, browser: Browser, server: Server) -> None:
    """Until the server rests; what comes later meets one that has compiled its default programs."""
    start, page = time.perf_counter(), browser.new_page()
    while load(page, server, 1) > 0.05:
        pass
    waited = time.perf_counter() - start
    table.row("then all default programs are compiled after another", f"{waited:.0f} s")
    page.close()


def load(page: Page, server: Server, seconds: int) -> float:
    """The cores that the server keeps busy over the next ``seconds``."""
    used, start = cpu_seconds(server), time.perf_counter()
    page.wait_for_timeout(1000 * seconds)
    return (cpu_seconds(server) - used) / (time.perf_counter() - start)


def main() -> None:
    table = Table()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGS)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
        first_headlines(table, browser, Path(folder))
        server = fresh_servers(table, browser, Path(folder))
        settle(table, browser, server)
        later_visitors(table, browser, server)
        resets(table, browser, server)
        one_visitor(table, browser, server)
        ten_visitors(table, browser, server)
        server.stop()
        browser.close()
    table.print()


if __name__ == "__main__":
    main()
