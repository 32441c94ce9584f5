"""Drawn scenarios, and a check that both engines give one possible answer to them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import yaml

from sim.catalog import load_catalogue
from sim.catalog.values import UNITS
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.clerk import entries
from sim.economics.ledger import IN_HOSPITAL, Account, Category, days_in_hospital
from sim.engine.reference import simulate
from sim.scenario.binding import Inputs
from sim.scenario.loading import load_scenario
from sim.simulation.run import run

CATALOGUE = load_catalogue()
INPUTS = Inputs(CATALOGUE)
FOR_THE_YOUNG = {"tisagenlecleucel"}
"""Refused in all populations but one, which would leave few scenarios with an answer."""
REGIMENS = [
    name
    for name in CATALOGUE.regimens
    if name not in {"usual_care", "supportive_care", *FOR_THE_YOUNG}
]
PATIENTS = 6
AMOUNTS = 1e-9


def drawn_structure(luck):
    """A scenario without parameters of its own."""
    sequences = [
        [luck.choice(REGIMENS) for _ in range(luck.choice((0, 1, 1, 1, 2, 2, 3, 6)))]
        for _ in range(luck.randint(1, 3))
    ]
    return {
        "title": "drawn",
        "population": luck.choice(sorted(CATALOGUE.populations)),
        "patients": PATIENTS,
        "seed": luck.randrange(2**64),
        "setting": luck.choice(("trial", "real_world")),
        "study": luck.choice(("average", "new")),
        "perspective": luck.choice(sorted(CATALOGUE.perspectives)),
        "horizon_years": luck.choice((100, 100, 20, 1.5, 1e-6)),
        "strategies": [
            {
                "name": f"s{place}",
                "sequence": sequence,
                "then": luck.choice(("usual_care", "supportive_care")),
                "maintenance": luck.random() < 0.5,
            }
            for place, sequence in enumerate(sequences)
        ],
        "switches": {
            "background_mortality": luck.random() < 0.8,
            **luck.choice(
                (
                    {},
                    {},
                    {"benefit_after_stopping": False},
                    {"benefit_fades_from_years": 1.0},
                    {"benefit_fades_from_years": 0.0, "benefit_fades_to_years": 2.5},
                )
            ),
            "cure_point_years": luck.choice((None, 1e-6, 3.0, 90.0)),
            "relapse_distribution": luck.choice(("lognormal", "weibull")),
            "toxicity": luck.random() < 0.8,
            "transplant": luck.random() < 0.8,
            "survivor_mortality_ratio": luck.random() < 0.7,
            "utility_age_cap": luck.random() < 0.7,
            "vial_sharing": luck.random() < 0.3,
        },
    }


def drawn_value(luck, parameter):
    """A value of the parameter: an end of its unit, of its interval, or anywhere between."""
    unit = UNITS[parameter.unit]
    low = math.nextafter(unit.low, math.inf) if unit.low_open else unit.low
    high = math.nextafter(unit.high, -math.inf) if unit.high_open else unit.high
    near = max(low, min(high, parameter.value * math.exp(luck.gauss(0.0, 1.0))))
    value = luck.choice((low, high, parameter.low, parameter.high, near, luck.uniform(low, high)))
    return float(round(value)) if unit.whole else value


def drawn_scenario(luck, folder):
    """Write a drawn scenario into a file; return its path."""
    content = drawn_structure(luck)
    path = folder / "drawn.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    used = INPUTS.used(load_scenario(path, INPUTS).scenario)
    names = luck.sample(sorted(used), luck.choice((0, 1, 1, 1, 2, 3, 8)))
    content["parameters"] = {name: drawn_value(luck, used[name]) for name in names}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def check_ledger(question, ledger, end_days):
    """What holds for the ledger of any patient."""
    hospital = sorted(
        (each.start_days, each.end_days) for each in ledger if each.what.startswith(IN_HOSPITAL)
    )
    for (_, leaves), (enters, _) in pairwise(hospital):
        assert enters >= leaves
    assert days_in_hospital(ledger) <= end_days * (1 + 1e-9)
    for each in ledger:
        assert math.isfinite(each.undiscounted)
        assert math.isfinite(each.discounted)
        assert each.end_days <= end_days
        if each.category.account == Account.COST:
            assert each.undiscounted >= 0.0
    check_utilities(question, ledger)


def check_utilities(question, ledger):
    """At every moment, the utility of the state less what complications take stays in -1 to 1."""
    states = [each for each in ledger if each.category == Category.QALY_STATE]
    losses = [
        each
        for each in ledger
        if each.category in (Category.QALY_TOXICITY, Category.QALY_GVHD)
        and each.end_days > each.start_days
    ]
    largest = max(question.accounts.utilities.decrements)
    for moment in {each.start_days for each in losses}:
        taken = sum(
            -each.undiscounted / (each.end_days - each.start_days) * DAYS_PER_YEAR
            for each in losses
            if each.start_days <= moment < each.end_days
        )
        assert taken <= largest * (1 + 1e-6) + 1e-6
        for each in states:
            if each.start_days <= moment < each.end_days:
                utility = each.undiscounted / (each.end_days - each.start_days) * DAYS_PER_YEAR
                assert -1 - 1e-6 <= utility - taken <= 1 + 1e-6


def check_answer(question):
    """Both engines give one answer, and it is possible."""
    core, reference = run(question), run(question, engine="reference")
    for ours, theirs in zip(core.arms, reference.arms, strict=True):
        np.testing.assert_array_equal(ours.rows, theirs.rows)
        for mine, other in (
            (ours.discounted, theirs.discounted),
            (ours.undiscounted, theirs.undiscounted),
        ):
            assert np.isfinite(mine).all()
            np.testing.assert_allclose(mine, other, rtol=AMOUNTS, atol=1e-7)
    for strategy in question.model.strategies:
        names = tuple(regimen.name for regimen in strategy.regimens)
        lives = simulate(question.model, strategy, seed=question.seed, patients=PATIENTS)
        for patient, log in lives:
            ledger = entries(question.accounts, names, patient, log)
            check_ledger(question, ledger, log[-1].time_days)
