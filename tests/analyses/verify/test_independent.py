"""Each independent check passes on the main scenario and fails under a fault made for it."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.analyses.verify import independent, partitioned_survival
from sim.analyses.verify.check import Subject, checks_of
from sim.analyses.verify.partition import compared, screen_table, sentences, table_of
from sim.economics.ledger import Category
from sim.simulation.question import ask
from sim.simulation.tally import CATEGORIES
from tests.support.faulty_lives import examined, names_of, with_sums
from tests.support.faulty_subjects import amounts, faulty, multiplied, numbers, rows
from tests.support.places import SCENARIOS

INDEPENDENT = checks_of(["independent"])

WEEK_LATER = 7.0


@pytest.fixture(scope="module")
def subject():
    return Subject(ask(SCENARIOS / "first_salvage.yaml"), threads=1)


@pytest.fixture(scope="module")
def with_mrd():
    return Subject(ask(SCENARIOS / "mrd_positive.yaml"), threads=1)


def test_the_main_scenario_passes(subject):
    assert [c.identifier for c in INDEPENDENT if c.examine(subject).passed is not True] == []


def test_the_partition_shares_no_code_with_the_rest_of_the_program():
    source = ast.parse(Path(partitioned_survival.__file__).read_text(encoding="utf-8"))
    imported = {n.module for n in ast.walk(source) if isinstance(n, ast.ImportFrom)}
    imported |= {a.name for n in ast.walk(source) if isinstance(n, ast.Import) for a in n.names}
    assert imported == {"__future__", "typing", "numpy", "numpy.typing"}


# Faults


def one_life_ends_a_second_later(patch):
    """Of one scenario, under one engine."""
    right = independent.frozen_events()

    def simulated(simulate, scenario):
        found = right[scenario].copy()
        if simulate is independent.ENGINES["core"] and scenario == "tower":
            found.loc[len(found) - 1, "time_days"] += 1 / 86_400
        return found

    patch.setattr(independent, "simulated", simulated)


def with_the_first_patient(patch, **changes):
    first, *others = independent.PATIENTS
    patch.setattr(independent, "PATIENTS", (replace(first, **changes), *others))


def a_day_is_wrong(patch):
    first = independent.PATIENTS[0]
    event = first.log[-1]
    wrong = event._replace(time_days=event.time_days + 1.0)
    with_the_first_patient(patch, log=(*first.log[:-1], wrong))


def a_cent_is_missing(patch):
    first = independent.PATIENTS[0]
    *start, amount = first.ledger[0]
    with_the_first_patient(patch, ledger=((*start, amount - 0.01), *first.ledger[1:]))


OF_THE_PROGRAM = {
    "lives_are_those_frozen": one_life_ends_a_second_later,
    "histories_are_those_by_hand": a_day_is_wrong,
    "amounts_are_those_by_hand": a_cent_is_missing,
}


def follow_up_at(factor):
    """Make follow-up of the ledgers' sums dearer."""

    def fault(lives):
        cells = lives.tally.sums.cells.copy()
        cells[:, CATEGORIES.index(Category.FOLLOW_UP)] *= factor
        return with_sums(lives, cells=cells)

    return fault


OF_THE_SCENARIO = [
    ("life_years_are_the_area_under_survival", rows("death_days", lambda d: d + WEEK_LATER)),
    ("life_years_are_the_area_under_survival", amounts(Category.LIFE, multiplied(1.002))),
    (
        "first_remission_is_the_area_under_event_free_survival",
        rows("efs_days", lambda d: np.where(d > 0.0, d + WEEK_LATER, d)),
    ),
    ("qalys_differ_by_structure_alone", amounts(Category.QALY_STATE, multiplied(0.99))),
    ("care_by_the_month_is_within_its_state", amounts(Category.LATER_LINES, multiplied(10.0))),
    ("care_by_the_month_is_within_its_state", follow_up_at(10.0)),
]


@pytest.mark.parametrize("name", OF_THE_PROGRAM)
def test_a_fault_of_the_program_is_found(name, subject, monkeypatch):
    OF_THE_PROGRAM[name](monkeypatch)
    found = examined(INDEPENDENT, name, subject)
    assert found.passed is False
    assert found.why


@pytest.mark.parametrize(
    ("name", "fault"),
    OF_THE_SCENARIO,
    ids=[f"{name} {i}" for i, (name, _) in enumerate(OF_THE_SCENARIO)],
)
def test_a_fault_of_the_lives_is_found(name, fault, subject):
    assert examined(INDEPENDENT, name, faulty(subject, lives=fault)).passed is False


def test_every_check_has_a_fault():
    assert {*OF_THE_PROGRAM, *(name for name, _ in OF_THE_SCENARIO)} == names_of(INDEPENDENT)


def test_a_utility_that_the_structure_does_not_know_is_found(subject):
    """The lives are valued otherwise than the question says, as by a fault of the clerk."""
    compared(subject)
    wrong = faulty(subject, question=numbers(utility__relapsed_refractory=0.1))
    assert examined(INDEPENDENT, "qalys_differ_by_structure_alone", wrong).passed is False


# Applicability


def test_a_strategy_without_a_regimen_is_not_divided_by_lines(with_mrd):
    observation, treated = compared(with_mrd)
    assert observation.first_remission_years is None
    assert "states and lines" in observation.structure
    assert "later lines" in treated.structure
    assert abs(observation.unexplained) < observation.grid_qalys
    found = screen_table(table_of(with_mrd))
    (part,) = (r for section in found.sections for r in section if r.label == "  later lines")
    assert part.cells[0].value == "–"


def test_the_sentence_names_the_gains_and_the_structure(with_mrd, subject):
    for each in (with_mrd, subject):
        first, *_ = sentences(table_of(each))
        reference, other = compared(each)
        assert first.startswith(f"Against {reference.name}, {other.name} gains ")
        gained = other.partition.qalys - reference.partition.qalys
        assert f"and {gained:.3f} in a partitioned survival model" in first


def test_parts_add_up_to_the_difference(subject):
    found = table_of(subject).set_index(["strategy", "item"])["difference"]
    for strategy in subject.strategies:
        of_strategy = found[strategy]
        parts = of_strategy[of_strategy.index.str.startswith("structure.")]
        assert parts.sum() == pytest.approx(of_strategy["qalys"], abs=1e-12)
