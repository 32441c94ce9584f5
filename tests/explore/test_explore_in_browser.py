"""The explorer in a real browser: what is moved is answered, and as the commands answer."""

from __future__ import annotations

import json
import time

import pytest

from sim import Scenario, run
from tests.support.explorer import running

pytestmark = pytest.mark.slow

VIAL = "cost.blinatumomab.vial"
DAY = "cost.inpatient_day"
PATIENTS = 20_000
PATIENCE_SECONDS = 120
WIDTHS = (1440, 1024, 390)
RESET = "document.getElementById('reset').click()"
SETTLED = (
    "document.body.dataset.shown === document.body.dataset.wanted"
    " && document.body.dataset.exact === 'true'"
)
DRAWN = f"{SETTLED} && document.body.dataset.drawn === document.body.dataset.wanted && !document.querySelector('.stale')"


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    with running(folder, "first_salvage", "--patients", str(PATIENTS)) as found:
        yield found


@pytest.fixture
def page(browser, explorer):
    """A page that is open, which must not complain and must not ask for anything outside."""
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    said, asked = [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(explorer.address)
    until(opened, SETTLED)
    yield opened
    opened.close()
    assert said == []
    inside = (f"http://{explorer.host}:{explorer.port}/", "data:", "blob:")
    assert [url for url in asked if not url.startswith(inside)] == []


def until(page, condition):
    """Wait for a condition; the page's policy forbids to wait inside of it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never: {condition}; {page.inner_text('#state')}"
        time.sleep(0.02)


def slide(page, name, value):
    page.evaluate(
        """([name, value]) => {
          const range = document.querySelector(`[data-control="${name}"] input[type=range]`);
          range.value = value;
          range.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        [name, value],
    )


def shown(page):
    return page.evaluate("document.querySelector('#answer .numbers').innerText")


def table(page):
    """Return the cells of the table of differences, by row."""
    rows = page.evaluate(
        """[...document.querySelectorAll("#answer table")[0].querySelectorAll("tbody tr")]
           .map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"""
    )
    return {label: cells for label, *cells in rows}


def test_a_slider_gives_the_number_of_the_command_run_to_the_last_digit_shown(page):
    slide(page, VIAL, 2000)
    until(page, SETTLED)
    value = page.input_value(f'[data-control="{VIAL}"] input[type=number]')
    scenario = Scenario.load("first_salvage").with_(
        patients=PATIENTS, parameters={VIAL: float(value)}
    )
    gains = run(scenario).increments.set_index("outcome")["mean"]
    total = next(cells for label, cells in table(page).items() if "cost" in label.lower())
    assert total[0].split(" (")[0].replace("+", "") == f"${gains['cost']:,.0f}"
    assert f"{gains['qalys']:.2f}" in shown(page)


def test_a_choice_is_made_and_taken_back(page):
    before = shown(page)
    page.select_option('[data-choice-of="switches.transplant"]', "1")
    until(page, SETTLED)
    assert shown(page) != before
    assert "Transplant: No allo-HCT" in page.inner_text("#changes")
    page.click("#reset")
    until(page, SETTLED)
    assert shown(page) == before
    assert page.inner_text("#changes") == ""


def test_an_input_without_effect_moves_nothing(page):
    before = page.inner_html("#answer .numbers")
    page.evaluate("document.getElementById('more').open = true")
    # Allo-HCT is off, then its price has no effect.
    page.select_option('[data-choice-of="switches.transplant"]', "1")
    until(page, SETTLED)
    off = page.inner_html("#answer .numbers")
    assert off != before
    slide(page, "cost.transplant", 10_000)
    until(page, SETTLED)
    assert page.inner_html("#answer .numbers") == off


def test_two_sliders_moved_quickly_leave_the_state_of_the_last_move(page, explorer):
    for place in range(15):
        slide(page, VIAL, 1000 + 200 * place)
        slide(page, DAY, 3000 + 100 * place)
    until(page, SETTLED)
    state = {
        "parameters": {
            name: float(page.input_value(f'[data-control="{name}"] input[type=number]'))
            for name in (VIAL, DAY)
        }
    }
    assert json.loads(page.evaluate("decodeURIComponent(location.hash.slice(1))")) == state
    scenario = Scenario.load("first_salvage").with_(patients=PATIENTS, **state)
    gain = run(scenario).increments.set_index("outcome")["mean"]["cost"]
    total = next(cells for label, cells in table(page).items() if "cost" in label.lower())
    assert total[0].split(" (")[0].replace("+", "") == f"${gain:,.0f}"


def test_a_picture_is_marked_until_it_is_drawn_anew(page):
    until(page, DRAWN)
    old = page.inner_html('[data-name="plane"] svg')
    slide(page, VIAL, 500)
    assert page.evaluate("document.querySelectorAll('.figures .stale').length") >= 5
    until(page, DRAWN)
    assert page.inner_html('[data-name="plane"] svg') != old


def test_a_link_holds_the_state(page, browser, explorer):
    slide(page, VIAL, 1234)
    page.select_option('[data-choice-of="horizon_years"]', "1")
    until(page, SETTLED)
    other = browser.new_page()
    other.goto(page.url)
    until(other, SETTLED)
    assert shown(other) == shown(page)
    assert other.inner_text("#changes") == page.inner_text("#changes")
    other.close()


def test_two_states_stand_side_by_side(page):
    page.click("#keep")
    slide(page, VIAL, 800)
    until(page, SETTLED)
    kept = page.evaluate("document.querySelector('#kept-answer .numbers').innerText")
    assert kept != shown(page)
    assert "As in the scenario" in page.inner_text("#kept")
    page.click("#drop")
    assert page.is_hidden("#kept")


def test_saved_scenario_gives_the_same_answer(page, explorer):
    slide(page, VIAL, 1500)
    until(page, SETTLED)
    page.fill("#name", "from_the_page")
    page.click("#save")
    until(page, "document.getElementById('file-text').textContent.includes('from_the_page.yaml')")
    saved = Scenario.load(explorer.folder / "from_the_page.yaml").with_(patients=PATIENTS)
    gain = run(saved).increments.set_index("outcome")["mean"]["qalys"]
    assert f"{gain:.2f}" in shown(page)


def test_one_patient_is_followed_under_the_inputs_of_the_page(page):
    page.fill("#patient", "17")
    page.click("#show-patient")
    until(page, "document.querySelector('#lives svg') !== null")
    assert "man of 41" in page.inner_text("#lives")
    slide(page, VIAL, 700)
    until(page, SETTLED)
    assert "old" in page.get_attribute("#lives", "class")


def test_draws_run_beside_the_page_and_give_probabilities(page):
    slide(page, VIAL, 1100)
    until(page, SETTLED)
    page.click("#run-psa")
    until(page, "!document.getElementById('cancel-psa').hidden")
    page.click("#cancel-psa")
    until(page, "document.getElementById('psa-text').textContent === 'Cancelled.'")
    page.click("#run-psa")
    until(page, "document.getElementById('psa-text').textContent.includes('probabilities')")
    until(page, SETTLED)
    assert "probability" in page.inner_text("#answer .verdicts")
    until(page, DRAWN)
    assert page.evaluate("document.querySelectorAll('.figures figure').length") > 8
    # Of other inputs the draws say nothing.
    slide(page, VIAL, 1300)
    until(page, SETTLED)
    assert "probability" not in page.inner_text("#answer .verdicts")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overlaps_or_is_cut_off(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    until(page, DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.evaluate(
        """[...document.querySelectorAll("#answer .headline, #answer .numbers > div, .verdicts span,"
           + " .control > label, .pair-of-inputs input, .figures figure")]
           .filter((each) => each.checkVisibility())
           .map((each) => each.getBoundingClientRect())
           .filter((box) => box.width > 0)
           .map(({ left, right, top, bottom }) => [left, right, top, bottom])"""
    )
    for i, (left, right, top, bottom) in enumerate(boxes):
        assert left >= 0
        assert right <= width + 0.5
        for other in boxes[i + 1 :]:
            apart = (
                right <= other[0] + 1
                or other[1] <= left + 1
                or bottom <= other[2] + 1
                or other[3] <= top + 1
            )
            assert apart, (boxes[i], other)


def test_nothing_jumps_while_it_updates(page):
    until(page, DRAWN)
    places = """[...document.querySelectorAll(".figures figure, .control")]
                .map((each) => Math.round(each.getBoundingClientRect().top))"""
    before = page.evaluate(places)
    slide(page, VIAL, 3000)
    while_waiting = page.evaluate(places)
    until(page, SETTLED)
    assert while_waiting == before


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(page):
    unnamed = page.evaluate(
        """[...document.querySelectorAll("input, select, button")]
           .filter((each) => !(each.labels?.length || each.getAttribute("aria-label")
             || each.textContent.trim())).map((each) => each.outerHTML)"""
    )
    assert unnamed == []
    range_ = page.locator(f'[data-control="{VIAL}"] input[type=range]')
    range_.focus()
    page.keyboard.press("ArrowLeft")
    until(page, SETTLED)
    assert "Blinatumomab, vial" in page.inner_text("#changes")
