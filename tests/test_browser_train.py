"""The Train page in Chromium: what a visitor does, from the first click to the last."""

import re
from pathlib import Path

import pytest
from conftest import idle
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LONG = 120_000


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def at_rest(page) -> None:
    expect(button(page, "Pause")).to_be_disabled(timeout=LONG)


def seed(page) -> str:
    return page.get_by_role("spinbutton", name="Seed").input_value()


def step(page) -> int:
    """The step that the sentence under the loss chart speaks of."""
    text = page.get_by_text(
        re.compile(r"^(At step [\d,]+ the loss|No step has been taken)")
    ).inner_text()
    found = re.match(r"At step ([\d,]+)", text)
    return int(found[1].replace(",", "")) if found else 0


def wait_answer(page) -> None:
    """Until the core is in and the network answers a sum."""
    page.get_by_text(re.compile(r"(is right, at step|the network says)")).wait_for(timeout=LONG)


def wait_step(page, least: int, timeout: int = LONG) -> int:
    for _ in range(timeout // 100):
        if (now := step(page)) >= least:
            return now
        page.wait_for_timeout(100)
    raise AssertionError(f"step {least} never came; the page stands at {step(page)}")


def loss_text(page) -> str:
    return page.get_by_text(re.compile(r"^At step [\d,]+ the loss")).inner_text().split(" Pale")[0]


def curve(page) -> str:
    chart = page.get_by_test_id("stVegaLiteChart").first
    return chart.locator("svg.marks .mark-line path").last.get_attribute("d")


def press_and_wait(page, name: str, least: int) -> str:
    button(page, name).click()
    wait_step(page, least)
    return loss_text(page)


def test_run_pause_step_and_reset_to_the_same_point(open_page):
    page = open_page("/")
    first = press_and_wait(page, "Step 1", 1)
    button(page, "Run").click()
    wait_step(page, 10)
    moving = curve(page)
    wait_step(page, step(page) + 8)
    assert curve(page) != moving
    button(page, "Pause").click()
    at_rest(page)
    page.wait_for_timeout(600)
    stood = step(page)
    page.wait_for_timeout(1200)
    assert step(page) == stood
    button(page, "Step 10").click()
    assert wait_step(page, stood + 10) == stood + 10
    button(page, "Reset").click()
    page.get_by_text("No step has been taken yet.").wait_for()
    assert press_and_wait(page, "Step 1", 1) == first
    page.get_by_text("Runs of this visit").wait_for()


def test_no_button_moves_while_others_are_pressed(open_page):
    """A press that falls into a move would land on the neighbour."""
    page = open_page("/")
    page.evaluate(
        """() => {
            window.places = new Set();
            (function look() {
                const row = [...document.querySelectorAll('.st-key-transport button')];
                const boxes = row.map(b => b.getBoundingClientRect()).filter(b => b.width);
                window.places.add(boxes.map(b => `${b.left},${b.top},${b.width}`).join(' '));
                requestAnimationFrame(look);
            })()
        }"""
    )
    for _ in range(2):
        button(page, "Run").click()
        wait_step(page, 2)
        button(page, "Pause").click()
        button(page, "Reset").click()
        page.get_by_text("No step has been taken yet.").wait_for()
    places = page.evaluate("[...window.places]")
    assert len(places) == 1, places


def test_it_solves_the_task_stops_and_says_so(open_page):
    page = open_page("/?seed=1")
    button(page, "Run").click()
    page.get_by_role("heading", name="Solved: trained on 5-bit sums").wait_for(timeout=LONG)
    at_rest(page)
    page.get_by_text(
        re.compile(r"5-bit sums 500 of 500 right\. 64-bit 500 of 500\. 1,000-bit 100 of 100\.")
    ).wait_for()
    page.get_by_text(re.compile(r"1,023 \+ 1 = 1,024")).wait_for()


def test_a_link_brings_the_same_settings_and_the_same_run(open_page, browser, server):
    page = open_page("/?seed=4&noise=0.1&unit=GRU,%20no%20reset")
    assert seed(page) == "4"
    page.get_by_role("slider", name="Learning rate").press("ArrowLeft")
    page.wait_for_url(re.compile("learning_rate=0.01"))
    here = press_and_wait(page, "Step 10", 10)
    other = browser.new_page()
    other.goto(page.url)
    idle(other)
    assert seed(other) == "4"
    assert press_and_wait(other, "Step 10", 10) == here
    other.close()


def test_sliders_moved_while_it_runs(open_page):
    page = open_page("/")
    button(page, "Run").click()
    before = wait_step(page, 4)
    page.get_by_role("slider", name="Learning rate").press("ArrowLeft")
    page.get_by_text(re.compile("From step .* on: rate 0.01")).wait_for()
    assert step(page) >= before
    page.get_by_role("slider", name="Noise").press("ArrowLeft")
    page.get_by_role("slider", name="Bits in a sum").press("ArrowRight")
    page.get_by_text("A new run; the earlier one is the pale curve.").wait_for(timeout=LONG)
    wait_step(page, 4)
    page.get_by_text(re.compile("Pale: an earlier run")).wait_for()
    button(page, "Pause").click()
    at_rest(page)


@pytest.mark.parametrize("name, key, presses", [("Learning rate", "Left", 6), ("Bits", "Right", 9)])
def test_a_slider_that_moves_on_while_the_page_answers(open_page, name, key, presses):
    """What the server says of an earlier place must not draw it back."""
    page = open_page("/")
    wait_answer(page)
    slider = page.get_by_role("slider", name=name)
    start = float(slider.input_value())
    button(page, "Run").click()
    slider.focus()
    for _ in range(presses):  # a key held down
        page.keyboard.down(f"Arrow{key}")
        page.wait_for_timeout(30)
    page.keyboard.up(f"Arrow{key}")
    button(page, "Pause").click()
    at_rest(page)
    page.wait_for_timeout(1000)
    assert abs(float(slider.input_value()) - start) == presses
    field = "bits" if name == "Bits" else "learning_rate"
    shown = slider.get_attribute("aria-valuetext")
    assert re.search(rf"[?&]{field}={re.escape(shown)}(&|$)", page.url), (shown, page.url)


def test_leaving_the_page_and_coming_back_keeps_the_run(open_page):
    page = open_page("/?seed=2")
    page.get_by_role("combobox", name="Stop when solved").click()
    page.get_by_role("option", name="Never").click()
    button(page, "Run").click()
    before = wait_step(page, 4)
    page.get_by_test_id("stTopNav").get_by_role("link", name="Headlines").click()
    goes_on = page.get_by_text(re.compile(r"Training goes on: step"))
    goes_on.wait_for()
    page.wait_for_timeout(1500)
    page.get_by_test_id("stTopNav").get_by_role("link", name="Train").click()
    goes_on.wait_for(state="detached")  # with a Pause of its own
    expect(button(page, "Pause")).to_be_enabled()
    assert wait_step(page, before + 4) > before
    assert seed(page) == "2"
    assert "seed=2" in page.url
    button(page, "Pause").click()
    at_rest(page)


def test_a_reload_in_mid_training_begins_the_same_run_again(open_page):
    page = open_page("/?seed=3")
    first = press_and_wait(page, "Step 1", 1)
    button(page, "Run").click()
    wait_step(page, 5)
    page.reload()
    idle(page)
    page.get_by_text("No step has been taken yet.").wait_for()
    assert seed(page) == "3"
    assert press_and_wait(page, "Step 1", 1) == first


def test_bad_numbers_get_one_sentence_where_they_stand(open_page):
    page = open_page("/")
    box = page.get_by_role("textbox", name="a", exact=True)
    for text, sentence in (
        ("12x", "contains “x”"),
        ("-4", "must not be negative"),
        ("9" * 2000, "has 2,000 digits"),
        ("", "Type a whole number for a."),
    ):
        box.fill(text)
        box.press("Enter")
        alert = page.get_by_role("alert").filter(has_text=sentence)
        alert.wait_for()
        assert page.get_by_role("alert").count() == 1
    box.fill("5")
    box.press("Enter")
    page.get_by_role("alert").wait_for(state="detached")


def test_lines_of_a_long_sum_stand_highest_first(open_page):
    """Also when a wider sum follows, whose lines Vega has not seen before."""
    page = open_page("/")
    lines = page.locator("svg.marks .role-axis-label text", has_text="from bit")
    for bits, lines_of in ((32, [32, 0]), (64, [64, 32, 0])):
        for name, value in (("a", 2**bits - 1), ("b", 1)):
            box = page.get_by_role("textbox", name=name, exact=True)
            box.fill(str(value))
            box.press("Enter")
        expect(lines).to_have_count(len(lines_of), timeout=LONG)
        found = lines.evaluate_all(
            "all => all.map(t => [t.getBoundingClientRect().top, t.textContent])"
        )
        assert [text for _, text in sorted(found)] == [f"from bit {k}" for k in lines_of]


def test_two_tabs_train_side_by_side(open_page, browser, server):
    page = open_page("/?seed=5")
    other = browser.new_page()
    other.goto(server.url + "/?seed=6")
    idle(other)
    for tab in (page, other):
        button(tab, "Run").click()
    for tab in (page, other):
        wait_step(tab, 8)
    other.close()
    now = step(page)
    wait_step(page, now + 4)


def test_downloads_and_the_script(open_page):
    page = open_page("/?unit=GRU&seed=8")
    press_and_wait(page, "Step 10", 10)
    heads = {"Weights": b"", "History": b"step,train_loss", "Script": b'"""Carry the One'}
    for name, head in heads.items():
        with page.expect_download() as download:
            page.get_by_test_id("stDownloadButton").filter(has_text=name).click()
        raw = Path(download.value.path()).read_bytes()
        assert raw.startswith(head) and len(raw) > 100
    assert b"seed=8" in raw and b"run.advance(10)" in raw


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_overflows_and_the_controls_fold_on_a_phone(open_page, page, width):
    page.set_viewport_size({"width": width, "height": 844})
    open_page("/")
    press_and_wait(page, "Step 1", 1)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    sidebar = page.get_by_test_id("stSidebar")
    assert (sidebar.get_attribute("data-collapsed") == "false") == (width > 1000)
