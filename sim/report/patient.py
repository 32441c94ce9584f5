"""One virtual patient under every strategy: events, days and results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.clinic.patient import Patient
from sim.economics.estimates import Estimate
from sim.economics.ledger import Account
from sim.layout.cells import fixed_text, money_text, patients_in_words
from sim.layout.own_inputs import row_of
from sim.layout.table import Row
from sim.layout.text import VALUE, cost_rows, outcome_rows
from sim.layout.trace import describe_patient
from sim.report.drawing import Drawing, embedded
from sim.report.outcomes import CATEGORIES
from sim.report.results import Followed, Results, command

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME: Final = "patient"
TITLE: Final = "The lives of one patient"
DIGITS: Final = 3


def patient(results: Results, found: Followed) -> dict[str, Any]:
    """Return the context of the section of the patient."""
    content = found.content
    number = content["patient"]["number"]
    search = content["found"]
    return {
        "number": f"{number:,}",
        "of": patients_in_words(results.summary["patients"]),
        "differences": list(_differences(results, found)),
        "who": describe_patient(Patient(**content["patient"])) + row_of(results.question, number),
        "search": None if search is None else search["search"],
        "figure": embedded(found.figure, NAME, TITLE, _alternative_text(found)),
        "labels": [life["label"] for life in content["strategies"]],
        "totals": _totals(results, found),
        "partings": [
            {
                "label": results.labels[divergence["strategy"]],
                "comparator": results.labels[divergence["comparator"]],
                "told": [(each["about"], each["text"]) for each in divergence["told"]],
            }
            for divergence in content["partings"]
        ],
        "events": _events(found),
        "command": command(
            results.question,
            *("explain", "--patient", str(number), "--seed", str(results.question.seed)),
        ),
    }


def patient_drawings(results: Results, found: Followed) -> Iterator[Drawing]:
    """Yield the lives for print; in the page they are the figure in the folder."""

    def make(**_: float) -> Figure:
        from sim.analyses.explain.result import drawn_lives
        from sim.replay.replay import replay

        return drawn_lives(replay(results.question, found.content["patient"]["number"]))

    yield Drawing(NAME, TITLE, _alternative_text(found), make)


def _differences(results: Results, found: Followed) -> Iterator[str]:
    """Set the differences between the lives beside the mean differences of all patients."""
    totals = {life["name"]: life["totals"] for life in found.content["strategies"]}

    def gained(strategy: str, account: Account) -> float:
        own, base = (totals[name][account.value] for name in (strategy, results.comparator))
        return float(own["discounted"] - base["discounted"])

    for name in results.others:
        qalys, cost = (results.gain(name, outcome).mean for outcome in ("qalys", "cost"))
        yield (
            f"{results.labels[name]} gives this patient "
            f"{fixed_text(gained(name, Account.QALY), DIGITS)} more QALYs at "
            f"{money_text(gained(name, Account.COST), results.symbol)} more cost; the mean of all "
            f"patients is {fixed_text(qalys, DIGITS)} and {money_text(cost, results.symbol)}."
        )


def _alternative_text(found: Followed) -> str:
    ends = [
        f"{life['label']}: {life['events'][-1]['words']}" for life in found.content["strategies"]
    ]
    return f"How each life ends. {'; '.join(ends)}."


def _totals(results: Results, found: Followed) -> list[Row]:
    """Return life-years, QALYs and costs of each life."""
    lives = [_outcomes(life) for life in found.content["strategies"]]
    return [*outcome_rows(lives, VALUE, DIGITS), *cost_rows(lives, results.symbol)]


def _outcomes(life: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return the results of a life under the names that those of a run have."""
    years, qalys, cost = (
        life["totals"][account.value]
        for account in (Account.LIFE_YEARS, Account.QALY, Account.COST)
    )
    start = f"{Account.COST.value}."
    found = {
        "life_years_undiscounted": years["undiscounted"],
        "life_years": years["discounted"],
        "qalys": qalys["discounted"],
        "cost": cost["discounted"],
        **{f"{start}{name}": 0.0 for name in CATEGORIES},
        **{name: each["discounted"] for name, each in life["categories"].items()},
    }
    return {name: Estimate(value, math.nan) for name, value in found.items()}


def _events(found: Followed) -> list[tuple[str, list[list[str]]]]:
    """Return the events of each life by day."""
    lives = found.content["strategies"]
    days = sorted({event["day"] for life in lives for event in life["events"]})
    return [
        (
            fixed_text(day, 1),
            [[e["words"] for e in life["events"] if e["day"] == day] for life in lives],
        )
        for day in days
    ]
