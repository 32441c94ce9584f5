"""The page itself: one file of HTML with its style and its script, and nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from sim.explore.answer import environment
from sim.explore.controls import SHOWN_FIRST, Slider
from sim.layout.text import DISCLAIMER
from sim.report import page
from sim.version import __version__

if TYPE_CHECKING:
    from sim.explore.answer import Desk

DIGITS: Final = 7
RESEARCH: Final = "The page computes on this machine and loads nothing from elsewhere."


def page_text(desk: Desk, token: str) -> tuple[str, str]:
    """Return the page, and the policy that lets it run its own script and reach its server alone."""
    templates = environment()
    script = page.source(templates, "explore.js")
    found = desk.controls
    text = templates.get_template("explore.html.j2").render(
        title=desk.scenario.title,
        file=desk.scenario.file,
        first=found.sliders[:SHOWN_FIRST],
        more=found.sliders[SHOWN_FIRST:],
        choices=found.choices,
        threshold=found.threshold,
        tables=("strategies", "increments", "survival", "ledger", "flow", "inputs"),
        patients=desk.scenario.patients,
        disclaimer=DISCLAIMER,
        research=RESEARCH,
        version=__version__,
        style=Markup(page.source(templates, "style.css") + page.source(templates, "explore.css")),
        script=Markup(script),
        data=Markup(_data(desk, token)),
        shown=shown_number,
        # A number for a script, whose minus sign stays a hyphen.
        begun=lambda each: Markup(begun(each)),
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def _data(desk: Desk, token: str) -> str:
    """Return what the script needs as JSON that nothing in it can end."""
    found = desk.controls
    content: dict[str, Any] = {
        "token": token,
        "patients": desk.scenario.patients,
        "sliders": {each.name: {"base": begun(each)} for each in (*found.sliders, found.threshold)},
        "choices": {
            each.name: [option.changes for option in each.options] for each in found.choices
        },
    }
    return json.dumps(content).replace("<", "\\u003c")


def begun(slider: Slider) -> float:
    """Return where a slider begins: its base in the digits that are read; unmoved it is not sent."""
    return float(f"{slider.base:.{DIGITS}g}")


def shown_number(value: float, slider: Slider) -> str:
    """Return a number as a slider shows it: whole where its steps are."""
    if slider.step >= 1.0:
        return f"{value:,.0f}"
    return f"{value:.3g}"
