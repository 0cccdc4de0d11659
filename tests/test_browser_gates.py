"""The Gates page in Chromium: hovering, picking, links, and a network still in training."""

import re
from urllib.parse import parse_qs, urlparse

import pytest
from conftest import idle

pytestmark = pytest.mark.browser

LONG = 120_000


def chart(page, key="sum_chart"):
    found = page.locator(f".st-key-{key} svg.marks")
    found.wait_for(timeout=LONG)
    return found


def cells(page, key="sum_chart"):
    """The fills of the chart's cells, in drawing order."""
    paths = chart(page, key).locator("g.mark-rect.role-mark").first.locator("path")
    return paths.evaluate_all("all => all.map(p => p.getAttribute('fill'))")


def cell(page, index: int):
    return chart(page).locator("g.mark-rect.role-mark").first.locator("path").nth(index)


def header(page, text, timeout=LONG):
    page.get_by_role("heading", name=text).first.wait_for(timeout=timeout)


def fill(page, name, value):
    box = page.get_by_label(name, exact=True)
    box.fill(value)
    box.press("Enter")


def count_messages(page):
    """A function that says how many frames this page has sent to the server since."""
    page.evaluate(
        """() => {
            window.sentFrames = 0;
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (...a) {
                window.sentFrames++;
                return send.apply(this, a);
            };
        }"""
    )
    return lambda: page.evaluate("window.sentFrames")


def test_hover_marks_every_panel_and_asks_the_server_nothing(open_page):
    page = open_page("/gates?a=13&b=7")
    header(page, "13 + 7 = 20")
    chart(page)
    idle(page, LONG)
    # 5 bits in 6 rows of the sum come first, then 16 units a signal.
    sent = count_messages(page)
    before = chart(page).inner_html()
    cell(page, 30 + 2).hover()
    page.locator(".st-key-sum_chart svg.marks text", has_text=re.compile(r"^unit \d+, bit \d")).nth(
        3
    ).wait_for(timeout=LONG)
    readings = page.locator(
        ".st-key-sum_chart svg.marks text", has_text=re.compile(r"^unit \d+, bit \d")
    ).all_text_contents()
    assert len(readings) == 4  # z, r, the candidate, h
    assert len({text.split(":")[0] for text in readings}) == 1
    assert chart(page).inner_html() != before
    assert sent() == 0
    # A click is a question to the server: it picks the cell.
    cell(page, 30 + 2).click()
    where = re.match(r"unit (\d+), bit (\d+)", readings[0])
    page.get_by_text(f"Unit {where[1]} at bit {where[2]}, with this step's numbers").wait_for(
        timeout=LONG
    )
    assert sent() > 0


def test_a_new_sum_redraws_and_the_equations_follow(open_page):
    page = open_page("/gates?a=13&b=7")
    header(page, "13 + 7 = 20")
    first = cells(page)
    equations = page.locator("table.equations")
    told = equations.inner_text()
    assert re.search(r"z = σ\(x W_z \+ h U_z \+ b_z\)", told) and "13 more of h" in told
    fill(page, "b", "3")
    header(page, "13 + 3 = 16")
    page.wait_for_function(
        "was => document.querySelector('table.equations').innerText !== was", arg=told, timeout=LONG
    )
    idle(page, LONG)
    assert cells(page) != first
    assert parse_qs(urlparse(page.url).query)["b"] == ["3"]
    fill(page, "a", "1e3")
    page.get_by_text("a must be a whole number in digits").wait_for(timeout=LONG)
    header(page, "13 + 3 = 16")


def test_a_link_brings_back_sum_step_cell_and_test(open_page):
    page = open_page("/gates?a=6&b=3&step=40&bit=1&neuron=5&show=As+written&test=Automaton")
    page.get_by_text("shown at step 40 of 300").wait_for(timeout=LONG)
    page.get_by_text("Unit 5 at bit 1, with this step's numbers").wait_for(timeout=LONG)
    page.get_by_text("bit, highest first").first.wait_for(timeout=LONG)
    header(page, re.compile("^Not recovered"))
    query = parse_qs(urlparse(page.url).query)
    assert query["step"] == ["40"] and query["neuron"] == ["5"]


def test_a_network_in_training_is_shown_as_it_stands(open_page):
    page = open_page("/?units=4&seed=5")
    page.get_by_role("button", name="Run", exact=True).click(timeout=LONG)
    page.get_by_text(re.compile(r"^At step [\d,]+ the loss")).wait_for(timeout=LONG)
    page.get_by_test_id("stTopNav").get_by_role("link", name="Gates").click()
    line = page.get_by_text(re.compile(r"The network of this visit: GRU, 4 units.*at step [\d,]+"))
    line.wait_for(timeout=LONG)
    assert chart(page).locator("text", has_text="z · update gate").count() == 1


def test_a_sum_shorter_than_the_picked_bit(open_page):
    """The browser sends a choice that is gone back as text."""
    page = open_page("/gates?bit=8")
    for a in ("1", "3"):
        page.get_by_label("a", exact=True).fill(a)
        page.get_by_label("a", exact=True).press("Enter")
        page.get_by_label("b", exact=True).fill("0")
        page.get_by_label("b", exact=True).press("Enter")
        header(page, re.compile(rf"{a} \+ 0 = {a}"))
        idle(page)
