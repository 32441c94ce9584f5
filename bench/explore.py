"""How long a change on the page of the explorer takes until its new answer is shown.

Run it as ``python -m bench.explore [--changes 50]``; it needs the extra ``explore``, playwright and
Chromium. A price, a probability and a structural choice are moved in turn, each once the answer
before is there; the time is measured in the browser, from the change to the new numbers on the page.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from tests.support.explorer import running

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHANGE = """([place, share]) => new Promise((done) => {
  const ranges = [...document.querySelectorAll("aside > .control input[type=range]")];
  const range = ranges[place % ranges.length];
  const start = performance.now();
  range.value = Number(range.min) + share * (range.max - range.min);
  range.dispatchEvent(new Event("input", { bubbles: true }));
  const look = () => {
    const { shown, wanted } = document.body.dataset;
    if (shown === wanted) done(performance.now() - start); else setTimeout(look, 1);
  };
  look();
})"""


def main() -> None:
    """Print median and 95 % quantile, in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--scenario", default="first_salvage")
    asked = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    # Only those who measure need it.
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), asked.scenario) as explorer,
        sync_playwright() as started,
    ):
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1440, "height": 900})
        page.goto(explorer.address)
        page.wait_for_selector("body[data-exact=true]", timeout=300_000)
        found = [
            page.evaluate(CHANGE, [place, (7 * place % 50 + 1) / 51])
            for place in range(asked.changes)
        ]
        opened.close()
    quantiles = statistics.quantiles(found, n=20)
    print(
        f"{len(found)} changes of {asked.scenario}, 10,000 patients, until the new numbers are shown: "
        f"median {statistics.median(found):.0f} ms, 95 % {quantiles[-1]:.0f} ms, "
        f"largest {max(found):.0f} ms"
    )


if __name__ == "__main__":
    main()
