"""One random number of one patient reaches that patient, and of the patient what it decides."""

from __future__ import annotations

from collections import Counter

import pytest

from sim.clinic.draws import RandomDraw
from sim.economics.clerk import entries
from sim.engine.reference import simulate
from sim.engine.streams import Streams

AT_ENTRY = {
    RandomDraw.AGE: {"age_years"},
    RandomDraw.SEX: {"male", "weight_kg", "height_cm"},
    RandomDraw.WEIGHT: {"weight_kg"},
    RandomDraw.HEIGHT: {"height_cm"},
    RandomDraw.SALVAGE_LINE: {"salvage_line"},
    RandomDraw.PRIOR_HCT: {"prior_hct", "primary_refractory", "first_remission_months"},
    RandomDraw.PHILADELPHIA: {"ph_positive"},
    RandomDraw.KMT2A: {"kmt2a"},
    RandomDraw.HIGH_BLASTS: {"high_blasts"},
    RandomDraw.CNS_DISEASE: {"cns"},
    RandomDraw.EXTRAMEDULLARY: {"extramedullary"},
    RandomDraw.PRIMARY_REFRACTORY: {"primary_refractory", "first_remission_months"},
    RandomDraw.FIRST_REMISSION: {"first_remission_months"},
    RandomDraw.MRD_ONLY: {"mrd_only"},
}
"""What of the baseline depends on a decision."""


class Meddler:
    """Overhears who asks for which number, and may answer one decision of one patient itself."""

    def __init__(self, monkeypatch):
        self.asked = {decision: [] for decision in RandomDraw}
        self.used = Counter()
        self.patient, self.decision, self.answer = None, None, None
        truth = Streams.uniform

        def uniform(streams, patient, decision, occurrence=0):
            self.used[patient, decision, occurrence] += 1
            if patient not in self.asked[decision]:
                self.asked[decision].append(patient)
            if patient == self.patient and decision == self.decision:
                return self.answer
            return truth(streams, patient, decision, occurrence)

        monkeypatch.setattr(Streams, "uniform", uniform)


@pytest.fixture(scope="module")
def mixed(ask):
    """Ask a question whose 40 patients meet every decision of the model."""
    return ask(
        "real_world",
        patients=40,
        seed=0,
        population="badar_2020_relapsed_refractory",
        parameters={"population.mrd_only_probability": 0.1},
        strategies=[
            {
                "name": "sequence",
                "sequence": ["blinatumomab", "brexucabtagene", "inotuzumab"],
                "then": "usual_care",
                "maintenance": True,
            }
        ],
    )


def histories(question):
    """Return patient, log and ledger by number, from the reference engine."""
    (strategy,) = question.model.strategies
    regimens = [regimen.name for regimen in strategy.regimens]
    return {
        patient.number: (patient, log, entries(question.accounts, regimens, patient, log))
        for patient, log in simulate(
            question.model, strategy, seed=question.seed, patients=question.patients
        )
    }


@pytest.fixture(scope="module")
def unmeddled(mixed):
    """Return who asks for which decision, in order, and what happens to everyone."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        meddler = Meddler(monkeypatch)
        return meddler, histories(mixed)


def test_every_registered_decision_is_taken_by_somebody(unmeddled):
    meddler, _ = unmeddled
    assert [decision for decision, patients in meddler.asked.items() if not patients] == []


def test_no_number_decides_twice(unmeddled):
    """But that of background death, read again when the patient becomes a long-term survivor.

    n = 40; a third of them have a second line, whose decisions have numbers of their own.
    """
    meddler, histories_before = unmeddled
    twice = {decision for (_, decision, _), uses in meddler.used.items() if uses > 1}
    assert twice == {RandomDraw.BACKGROUND_DEATH}
    lines = [log[-1].line for _, log, _ in histories_before.values()]
    assert sum(line >= 1 for line in lines) > 40 / 3


@pytest.mark.parametrize("decision", RandomDraw, ids=lambda decision: decision.name.lower())
def test_one_decision_of_one_patient_changes_no_other_patient(
    monkeypatch, mixed, unmeddled, decision
):
    """n = 40. The number is moved to either end of (0, 1) for one patient after another.

    The first patient in whom that shows is enough: where nobody reaches what is decided, a
    decision cannot show.
    """
    overheard, before = unmeddled
    meddler = Meddler(monkeypatch)
    meddler.decision = decision
    for meddler.patient in overheard.asked[decision]:
        for meddler.answer in (1e-9, 1.0 - 1e-9):
            after = histories(mixed)
            changed = {key for key in before if after[key] != before[key]}
            assert changed <= {meddler.patient}
            if changed:
                was, now = (past[meddler.patient][0] for past in (before, after))
                pairs = zip(was._fields, was, now, strict=True)
                fields = {field for field, old, new in pairs if old != new}
                assert fields <= AT_ENTRY.get(decision, set())
                return
    pytest.fail("the decision has no effect in anybody")
