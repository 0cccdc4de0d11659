"""The Headlines page in Chromium, over small untrained models."""

import csv
import re
from urllib.parse import parse_qs, urlparse

import pytest
import small_models
from conftest import idle

from ui.headline_models import FOLDER

pytestmark = pytest.mark.browser

LONG = 120_000


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    small_models.build(place)
    return place


@pytest.fixture(scope="module")
def server(models, start_server):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(models))
        return start_server()


@pytest.fixture
def headlines(page, server):
    """``headlines(query)`` -> the page with completions on it."""

    def open(query: str = ""):
        page.goto(f"{server.url}/headlines{query}")
        page.locator(".line").first.wait_for(timeout=LONG)
        idle(page, LONG)
        return page

    return open


def lines(page) -> list[str]:
    return page.locator(".st-key-lines_lstm .line p").all_inner_texts()


def wait_address(page, pattern: str) -> None:
    for _ in range(LONG // 100):
        if re.search(pattern, page.url):
            return idle(page)
        page.wait_for_timeout(100)
    raise AssertionError(f"{pattern} never came into the address {page.url}")


def pick(page, row: int, k: int) -> None:
    page.locator(".st-key-lines_lstm .line").nth(row).locator(".char").nth(k).click()
    wait_address(page, rf"at=lstm\.{row}\.{k}(&|$)")


def test_pick_walk_force_and_go_back(headlines):
    page = headlines("?length=20&number=3")
    before = lines(page)
    assert len(before) == 3 and before[0].startswith("scientists just discovered")
    pick(page, 1, 4)
    page.get_by_text("Completion 2 of 3, character 5 of").wait_for()
    page.keyboard.press("ArrowRight")
    wait_address(page, r"at=lstm\.1\.5")
    assert page.locator(".picked").count() == 1
    page.get_by_role("button", name="Previous").click()
    wait_address(page, r"at=lstm\.1\.4")
    page.locator(".st-key-force button", has_text="%").first.click()
    wait_address(page, r"forced=lstm\.1\.4\.")
    page.get_by_role("heading", name="You forced a character").wait_for()
    after = lines(page)
    assert after[0] == before[0] and after[2] == before[2] and after[1] != before[1]
    assert page.locator(".forced").count() == 1
    page.reload()
    page.locator(".forced").wait_for(timeout=LONG)
    idle(page)
    assert lines(page) == after
    page.get_by_role("button", name="Go back").click()
    page.locator(".forced").wait_for(state="detached")
    idle(page)
    assert lines(page) == before


def test_a_slider_that_moves_on_while_the_page_answers(headlines):
    """A pick that it lets go of must not bring an earlier value back into the address."""
    page = headlines("?number=3")
    slider = page.get_by_role("slider", name="Top-p")
    for turn in range(2):
        pick(page, turn, 1)
        key = ("Left", "Right")[turn % 2]
        slider.focus()
        for _ in range(9):  # a key held down
            page.keyboard.down(f"Arrow{key}")
            page.wait_for_timeout(30)
        page.keyboard.up(f"Arrow{key}")
        page.wait_for_timeout(2000)
        idle(page)
        shown = float(slider.input_value())
        assert shown == pytest.approx((0.45, 0.9)[turn % 2])
        query = parse_qs(urlparse(page.url).query)
        assert "at" not in query
        assert float(query.get("top_p", ["0.9"])[0]) == shown


def test_the_stronger_the_tint_the_less_it_was_expected(headlines):
    page = headlines("?number=2")
    found = page.locator(".st-key-lines_lstm .char").evaluate_all(
        "all => all.map(e => [e.title, getComputedStyle(e).backgroundColor])"
    )

    def alpha(color: str) -> float:
        numbers = re.findall(r"[\d.]+", color)
        return float(numbers[3]) if len(numbers) == 4 else 1.0

    pairs = sorted((float(re.search(r": ([\d.]+) bits", t)[1]), alpha(c)) for t, c in found)
    tints = [a for _, a in pairs]
    assert tints == sorted(tints) and 0 <= tints[0] < tints[-1] <= 0.7


def test_markup_stays_text(headlines):
    page = headlines()
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    box = page.get_by_label("The beginning of a headline")
    box.fill("<img src=x onerror=alert(1)> :red[a] $x$ *b*")
    box.press("Enter")
    heading = page.get_by_role("heading", name="The LSTM finished")
    heading.filter(has_text="onerror").wait_for()
    idle(page)
    shown = heading.inner_text().replace("\u2060", "")
    assert "<img src=x onerror=alert(1)> :red[a] $x$ *b*" in shown
    assert lines(page)[0].startswith("<img src=x onerror=alert(1)> :red[a] $x$ *b*")
    assert page.locator("img[src=x]").count() == 0


def test_downloads_are_what_is_on_the_page(headlines):
    page = headlines("?prefix=rain&number=3&length=20")
    shown = [line.rstrip("¶…") for line in lines(page)]

    def fetch(name: str) -> str:
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        return download.value.path().read_text()

    rows = list(csv.DictReader(fetch("Completions").splitlines()))
    assert [row["headline"] for row in rows] == shown and rows[0]["model"] == "lstm"
    characters = list(csv.DictReader(fetch("Every character").splitlines()))
    assert len(characters) == page.locator(".st-key-lines_lstm .char").count()
    assert "writing.write(model, 'rain', samples=3" in fetch("Script")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all(headlines, page, scheme):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    headlines("?model=All+three&number=2")
    page.locator(".st-key-lines_rnn .line").first.wait_for(timeout=LONG)
    idle(page)
    wide = page.evaluate(
        "[...document.querySelectorAll('[data-testid=stMain] *')]"
        ".filter(e => e.className?.includes?.('st-key-lines') && e.scrollWidth > 390).length"
    )
    assert wide == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    charts = page.locator('[data-testid="stVegaLiteChart"]')
    # The neuron of a simple RNN, where that was loaded first, has no chart of its own.
    charts.nth(1).wait_for(state="attached", timeout=LONG)
    for k in range(2):
        charts.nth(k).evaluate("chart => chart.scrollIntoView()")  # it may be drawn anew meanwhile
        charts.nth(k).locator("canvas, svg").first.wait_for(timeout=LONG)
        assert charts.nth(k).evaluate("chart => chart.getBoundingClientRect().width") <= 390


def test_a_damaged_model_is_named_and_the_other_pages_work(page, server, models):
    config = models / "headlines-gru" / "config.json"
    whole = config.read_text()
    config.write_text(whole[:200])
    try:
        page.goto(f"{server.url}/headlines?model=GRU")
        alert = page.get_by_role("alert")
        alert.wait_for(timeout=LONG)
        assert "config.json: not JSON" in alert.inner_text() and alert.count() == 1
        page.get_by_test_id("stTopNav").get_by_role("link", name="Train").click()
        page.get_by_role("button", name="Run", exact=True).wait_for(timeout=LONG)
        idle(page)
    finally:
        config.write_text(whole)
