"""The report in a real browser: on a desk, on a phone and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.figures import drawn
from tests.support.report_pages import page_of, read

pytestmark = pytest.mark.slow

WIDTHS = {"desk": 1280, "phone": 390, "small phone": 320}
PAPER_PIXELS = 688
"""A4 less its margins, 182 mm, at 96 pixels an inch."""
LEAST_CONTRAST = 4.5
"""Of text against its ground: level AA of the Web Content Accessibility Guidelines 2.2."""
LARGE_CONTRAST = 3.0
OVERLAP_PIXELS = 3.0
"""Letters of two labels may share so much of their boxes, which are higher than the letters."""


@pytest.fixture(scope="module")
def file(full_folder, tmp_path_factory):
    """The report on everything, and its text."""
    path = tmp_path_factory.mktemp("report") / "page.html"
    with drawn():
        path.write_text(page_of(full_folder), encoding="utf-8")
    return path


class Heard:
    """What a page said and asked for while it was open."""

    def __init__(self, page):
        self.said = []
        self.asked = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))


@pytest.fixture
def opened(browser, file):
    """Return a function that opens the report at a width and hears what it says."""
    pages = []

    def open_at(width, media="screen"):
        page = browser.new_page(viewport={"width": width, "height": 900})
        heard = Heard(page)
        page.emulate_media(media=media)
        page.goto(file.as_uri())
        pages.append(page)
        return page, heard

    yield open_at
    for page in pages:
        page.close()


SCREENS = {"desk": (1280, 800), "phone": (390, 844)}


@pytest.mark.parametrize("size", SCREENS.values(), ids=SCREENS)
def test_the_first_screen_is_the_answer(size, opened):
    """The sentence, the three numbers and their intervals are seen without scrolling."""
    page, _ = opened(size[0])
    page.set_viewport_size({"width": size[0], "height": size[1]})
    boxes = page.evaluate(ANSWER)
    assert [name for name, *_ in boxes] == ["headline"] + ["value", "range"] * 3 + ["trust"]
    for name, text, left, top, right, bottom in boxes:
        assert text.strip(), name
        assert min(left, top) >= 0, name
        assert right <= size[0], name
        assert bottom <= size[1], name
    if size == SCREENS["desk"]:
        assert (
            page.evaluate("document.querySelector('.curve').getBoundingClientRect().bottom") <= 800
        )


ANSWER = """[
  ["headline", ".headline"],
  ...[1, 2, 3].flatMap((n) => [
    ["value", `.numbers > div:nth-child(${n}) strong`], ["range", `.numbers > div:nth-child(${n}) .range`]]),
  ["trust", ".trust"],
].map(([name, path]) => {
  const each = document.querySelector(path);
  const { left, top, right, bottom } = each.getBoundingClientRect();
  return [name, each.textContent, left, top, right, bottom];
})"""


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_asked_from_outside_and_nothing_goes_wrong(width, opened, file):
    page, heard = opened(width)
    use(page)
    assert heard.said == []
    assert [url for url in heard.asked if not url.startswith("data:")] == [file.as_uri()]


def use(page):
    """Press everything that can be pressed."""
    for button in page.query_selector_all("button"):
        if button.is_visible():
            button.click()
    page.fill("#find-input", "cost")
    for box in page.query_selector_all(".filter input[type=checkbox]"):
        box.click()
        box.click()
    for summary in page.query_selector_all("summary")[:20]:
        if summary.is_visible():
            summary.click()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_wider_than_the_screen(width, opened):
    page, _ = opened(width)
    sizes = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    scrolled, shown = page.evaluate(sizes)
    assert scrolled <= shown
    assert page.evaluate(BEYOND, page.viewport_size["width"]) == []


BEYOND = """(width) => [...document.querySelectorAll("main *")]
  .filter((each) => !each.closest(".scroll, .unseen, pre") && !each.closest("svg"))
  .filter((each) => { const box = each.getBoundingClientRect(); return box.width && box.right > width + 1; })
  .map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 40)}`)"""


@pytest.mark.parametrize("width", [WIDTHS["desk"], WIDTHS["phone"]], ids=["desk", "phone"])
def test_no_text_of_a_figure_is_cut_and_no_two_overlap(width, opened):
    page, _ = opened(width)
    page.click("button[data-show=undiscounted]")
    assert page.evaluate(FIGURES, OVERLAP_PIXELS) == []
    page.click("button[data-show=discounted]")
    assert page.evaluate(FIGURES, OVERLAP_PIXELS) == []


FIGURES = """(most) => {
  const wrong = [];
  for (const figure of document.querySelectorAll("svg.drawing")) {
    const frame = figure.getBoundingClientRect();
    if (!frame.width) continue;
    const name = figure.querySelector("title").textContent;
    const texts = [...figure.querySelectorAll("text")].filter((each) => each.textContent.trim());
    const boxes = texts.map((each) => each.getBoundingClientRect());
    texts.forEach((text, i) => {
      const a = boxes[i];
      if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
        wrong.push(`${name}: ${text.textContent} is cut`);
      for (let j = i + 1; j < texts.length; j++) {
        const b = boxes[j];
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > most && down > most) wrong.push(`${name}: ${text.textContent} / ${texts[j].textContent}`);
      }
    });
  }
  return wrong;
}"""


def test_no_text_is_cut_by_its_box(opened):
    page, _ = opened(WIDTHS["desk"])
    assert page.evaluate(CUT) == []


CUT = """[...document.querySelectorAll("main *, nav *")]
  .filter((each) => !each.closest("svg, .unseen, .scroll") && each.clientWidth)
  .filter((each) => getComputedStyle(each).overflowX !== "visible" && each.scrollWidth > each.clientWidth + 1)
  .filter((each) => each.tagName !== "PRE")
  .map((each) => `${each.tagName} ${each.textContent.slice(0, 40)}`)"""


@pytest.mark.parametrize("media", ["screen", "print"])
def test_every_text_stands_out_from_its_ground(media, opened):
    page, _ = opened(PAPER_PIXELS if media == "print" else WIDTHS["desk"], media)
    assert page.evaluate(CONTRAST, [LEAST_CONTRAST, LARGE_CONTRAST]) == []


CONTRAST = """([least, large]) => {
  const parts = (colour) => { const found = colour.match(/[\\d.]+/g).map(Number); return found.length < 4 ? [...found, 1] : found; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  // A label within a bar of a figure has the bar as its ground.
  const onShape = (each, own, least) => {
    each.scrollIntoView({ block: "center", behavior: "instant" });
    const box = each.getBoundingClientRect();
    const under = document.elementsFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    const shape = under.find((at) => at.matches("path, rect, use"));
    if (!shape) return false;
    const { fill, stroke } = getComputedStyle(shape);
    const other = light(parts(fill === "none" ? stroke : fill));
    return (Math.max(own, other) + 0.05) / (Math.min(own, other) + 0.05) >= least;
  };
  const wrong = new Set();
  for (const each of document.querySelectorAll("body *")) {
    const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || each.closest("script, style, title, desc, .unseen") || !each.getClientRects().length) continue;
    const style = getComputedStyle(each);
    const inFigure = each.closest("svg");
    const text = parts(inFigure ? style.fill : style.color);
    const [a, b] = [light(text), light(ground(inFigure ? inFigure.parentElement : each))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    // The names of strategies have the strategies' colours, and are written large or bold.
    const limit = isLarge || (inFigure && Number(style.fontWeight) >= 700) ? large : least;
    if (ratio < limit && !(inFigure && onShape(each, a, least))) wrong.add(`${ratio.toFixed(1)} ${each.tagName} ${each.className.baseVal ?? each.className} ${each.textContent.trim().slice(0, 40)}`);
  }
  return [...wrong];
}"""


def test_everything_that_can_be_used_is_reached_by_the_keyboard(opened):
    page, _ = opened(WIDTHS["desk"])
    reached = set()
    for _ in range(600):
        page.keyboard.press("Tab")
        here = page.evaluate(PLACE)
        if here is None or here in reached:
            break
        reached.add(here)
    assert page.evaluate(USABLE) == sorted(reached)


PLACE = """() => {
  const here = document.activeElement;
  if (!here || here === document.body) return null;
  return [...document.querySelectorAll("*")].indexOf(here);
}"""
USABLE = """[...document.querySelectorAll("*")]
  .map((each, place) => [each, place])
  .filter(([each]) => each.matches("a[href], button, input, summary, [tabindex='0']"))
  .filter(([each]) => each.matches(".skip") || (each.getClientRects().length && getComputedStyle(each).visibility === "visible"))
  .map(([, place]) => place)"""


def test_what_has_the_focus_is_seen_to_have_it(opened):
    page, _ = opened(WIDTHS["desk"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.wait_for_url("**#answer")
    page.focus("#find-input")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_inputs_are_found_sorted_and_filtered_by_the_keyboard_alone(opened):
    page, _ = opened(WIDTHS["desk"])
    page.focus("#find-input")
    page.keyboard.type("transplant cost")
    texts = page.evaluate(SHOWN)
    assert texts
    assert all("transplant" in text.lower() and "cost" in text.lower() for text in texts)
    assert page.inner_text("#found-inputs").startswith(f"{len(texts)} of ")
    page.focus("#find-input")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.focus("th button[data-sort=number]")
    page.keyboard.press("Enter")
    rising = page.evaluate(VALUES)
    assert rising == sorted(rising)
    page.keyboard.press("Enter")
    assert page.evaluate(VALUES) == rising[::-1] or page.evaluate(VALUES) == sorted(rising)[::-1]
    page.focus(".filter input[value=evidence]")
    page.keyboard.press("Space")
    assert page.evaluate(f"({SHOWN_ROWS}).every((row) => row.dataset.status !== 'evidence')")


SHOWN_ROWS = "[...document.querySelectorAll('#inputs-table tbody tr')].filter((row) => !row.hidden)"
SHOWN = f"({SHOWN_ROWS}).map((row) => row.textContent)"
VALUES = f"({SHOWN_ROWS}).map((row) => Number(row.cells[1].dataset.value))"


def test_discounted_and_undiscounted_results_are_chosen_between(opened):
    page, _ = opened(WIDTHS["desk"])
    assert page.is_visible("[data-kind=discounted]")
    assert not page.is_visible("[data-kind=undiscounted]")
    page.focus("button[data-show=undiscounted]")
    page.keyboard.press("Enter")
    assert page.is_visible("[data-kind=undiscounted]")
    assert not page.is_visible("[data-kind=discounted]")
    assert page.get_attribute("button[data-show=undiscounted]", "aria-pressed") == "true"


def test_every_picture_has_a_name(opened):
    page, _ = opened(WIDTHS["desk"])
    assert page.query_selector_all("main svg")
    nameless = """[...document.querySelectorAll("svg[role=img]")].filter((each) => {
      const labels = (each.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean);
      return !each.getAttribute("aria-label") && !labels.every((id) => document.getElementById(id)?.textContent.trim());
    }).length"""
    assert page.evaluate(nameless) == 0
    assert page.evaluate("document.querySelectorAll('img, svg:not([role=img])').length") == 0


def test_paper_holds_everything(opened, file):
    page, heard = opened(PAPER_PIXELS, "print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    scrolled, shown = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert scrolled <= shown
    assert page.evaluate(BEYOND, PAPER_PIXELS) == []
    assert page.evaluate(FIGURES, OVERLAP_PIXELS) == []
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") == 0
    rows = page.evaluate(
        "[...document.querySelectorAll('#inputs-table tbody tr')].map((r) => r.getClientRects().length)"
    )
    tree = read(file.read_text(encoding="utf-8"))
    (table,) = (t for t in tree.all("table") if t.attributes.get("id") == "inputs-table")
    assert len(rows) == len(table.all("tr")) - 1
    assert all(rows)
    hidden = "[...document.querySelectorAll('section, figure, [data-kind]')].filter((e) => !e.getClientRects().length).length"
    assert page.evaluate(hidden) == 0
    assert heard.said == []


def test_it_prints_and_is_then_as_before(opened, tmp_path):
    page, heard = opened(WIDTHS["desk"])
    before = page.evaluate("document.querySelectorAll('details[open]').length")
    page.pdf(path=str(tmp_path / "page.pdf"), prefer_css_page_size=True)
    printed = Path(tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") > 10 or printed.count(b"/Type /Page") > 10
    assert page.evaluate("document.querySelectorAll('details[open]').length") == before
    assert heard.said == []


def test_without_a_script_everything_is_there(browser, file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.is_visible("[data-kind=discounted]")
    assert page.is_visible("[data-kind=undiscounted]")
    assert page.locator("#inputs-table tbody tr").last.is_visible()
    context.close()
