"""One virtual patient under every strategy: events, days and results."""

from __future__ import annotations

from typing import Any, Final

from sim.clinic.patient import Patient
from sim.economics.ledger import Account
from sim.layout.rounding import add_up
from sim.layout.trace import describe_patient
from sim.report.analyses import Analyses, Followed
from sim.report.drawing import Drawing, embedded
from sim.report.economics import CATEGORIES
from sim.report.results import Results
from sim.report.words import command, commands, fixed, money, signed

NAME: Final = "patient"
TITLE: Final = "The lives of one patient"
DIGITS: Final = 3


def context(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the section of the patient."""
    found = analyses.followed
    if found is None:
        others = ["explain --find transplanted"]
        return {
            "found": False,
            "commands": commands(results.question, others),
            "refused": analyses.refused.get("followed"),
        }
    content = found.content
    number = content["patient"]["number"]
    search = content["found"]
    return {
        "found": True,
        "number": f"{number:,}",
        "who": describe_patient(Patient(**content["patient"])),
        "search": None if search is None else search["search"],
        "figure": embedded(found.figure, NAME, TITLE, _alternative_text(found)),
        "labels": [life["label"] for life in content["strategies"]],
        "totals": _totals(results, found),
        "partings": [
            {
                "label": results.labels[divergence["strategy"]],
                "comparator": results.labels[divergence["comparator"]],
                "told": [(each["about"], signed_text(each["text"])) for each in divergence["told"]],
            }
            for divergence in content["partings"]
        ],
        "events": _events(found),
        "command": command(results.question, "explain", "--patient", str(number)),
    }


def drawings(results: Results, analyses: Analyses) -> list[Drawing]:
    """Return the lives for print; in the page they are the figure in the folder."""
    found = analyses.followed
    if found is None:
        return []

    def make(_: float) -> Any:  # noqa: ANN401
        from sim.analyses.explain.tables import drawn_lives
        from sim.replay.replay import replay

        return drawn_lives(replay(results.question, found.content["patient"]["number"]))

    return [Drawing(NAME, TITLE, _alternative_text(found), make)]


def signed_text(text: str) -> str:
    """Return a sentence with true minus signs before its numbers."""
    return text.replace(" -", f" {signed('-')}")


def _alternative_text(found: Followed) -> str:
    ends = [
        f"{life['label']}: {life['events'][-1]['words']}" for life in found.content["strategies"]
    ]
    return f"How each life ends. {'; '.join(ends)}."


def _totals(results: Results, found: Followed) -> list[tuple[str, list[str], bool]]:
    """Return the rows of results: a name, a text for each life, whether it is a sum."""
    lives = found.content["strategies"]

    def total(account: Account, kind: str) -> list[float]:
        return [life["totals"][account.value][kind] for life in lives]

    rows = [
        (name, [fixed(value, DIGITS) for value in total(account, kind)], False)
        for name, account, kind in (
            ("Life-years, undiscounted", Account.LIFE_YEARS, "undiscounted"),
            ("Life-years", Account.LIFE_YEARS, "discounted"),
            ("QALYs", Account.QALY, "discounted"),
        )
    ]
    costs = f"{Account.COST.value}."
    parts = [
        add_up(
            [
                life["categories"].get(f"{costs}{name}", _NOTHING)["discounted"]
                for name in CATEGORIES
            ]
        )
        for life in lives
    ]
    rows += [
        (label, [money(column[place], results.symbol) for column in parts], False)
        for place, label in enumerate(CATEGORIES.values())
    ]
    return [*rows, ("Total cost", [money(sum(column), results.symbol) for column in parts], True)]


_NOTHING: Final = {"discounted": 0.0}


def _events(found: Followed) -> list[tuple[str, list[list[str]]]]:
    """Return the events of each life by day."""
    lives = found.content["strategies"]
    days = sorted({event["day"] for life in lives for event in life["events"]})
    return [
        (
            fixed(day, 1),
            [[e["words"] for e in life["events"] if e["day"] == day] for life in lives],
        )
        for day in days
    ]
