"""Outcomes and marks of a life, against pandas on the events of its log."""

from dataclasses import asdict, fields

import numpy as np
import pandas as pd
import pytest

from sim.clinic.events import Event, EventKind
from sim.clinic.toxicity import Toxicity
from sim.clinic.units import NEVER
from sim.engine.outcomes import Mark, Noted, Outcome, clear, noted_in, outcome
from sim.engine.reference import simulate

N = 250
"""Patients of each case; seed 5."""
CASES = {
    "relapsed": ("tower", ["blinatumomab", "inotuzumab"]),
    "MRD only": ("mrd_positive", ["blinatumomab_mrd"]),
    "usual care alone": ("first_salvage", []),
}


def test_clearing_leaves_nothing_of_the_life_before():
    noted = Noted(*(7 for _ in fields(Noted)))
    clear(noted)
    assert noted == Noted()


@pytest.mark.parametrize(
    ("response", "relapse", "death", "rfs", "efs"),
    [
        (True, 300.0, 500.0, 260.0, 300.0),
        (True, NEVER, 500.0, 460.0, 500.0),
        (True, NEVER, NEVER, NEVER, NEVER),
        (False, NEVER, 500.0, None, 0.0),
    ],
)
def test_survival_without_relapse_and_event_by_hand(response, relapse, death, rfs, efs):
    """Remission on day 40; who does not respond has the event on day 0 and no time in remission."""
    nothing = dict.fromkeys(Outcome._fields, False)
    times = {"remission_days": 40.0, "relapse_days": relapse, "death_days": death}
    found = Outcome(**{**nothing, "response": response, **times})
    assert np.isnan(found.rfs_days) if rfs is None else found.rfs_days == rfs
    assert found.efs_days == efs


@pytest.mark.parametrize(("grade", "severe"), [(2, False), (3, True), (4, True), (5, True)])
@pytest.mark.parametrize("kind", [Toxicity.CRS, Toxicity.HEPATOTOXICITY, Toxicity.INFECTION])
def test_grade_3_and_above_is_severe(kind, grade, severe):
    log = [Event(3.0, EventKind.TOXICITY, 1, 0, int(kind), grade, 5.0)]
    assert getattr(outcome(log), f"severe_{kind.name.lower()}") is severe


@pytest.fixture(scope="module", params=CASES)
def told(request, ask):
    """Return the logs of a case, and all their events in one table."""
    name, sequence = CASES[request.param]
    strategies = [{"name": "only", "sequence": sequence, "then": "usual_care", "maintenance": True}]
    question = ask(name, patients=N, seed=5, strategies=strategies, what_ifs={})
    (strategy,) = question.model.strategies
    logs = [log for _, log in simulate(question.model, strategy, seed=5, patients=N)]
    rows = [(number, *event) for number, log in enumerate(logs) for event in log]
    return request.param, logs, pd.DataFrame(rows, columns=["patient", *Event._fields])


def who(events):
    """Return, for each patient, whether one of the events is theirs."""
    return np.isin(np.arange(N), events.patient)


def when(events):
    """Return the first day of the events by patient, never without."""
    first = events.groupby("patient").time_days.min()
    return first.reindex(range(N), fill_value=NEVER).to_numpy()


def marks_by_pandas(events):
    first = events[events.line == 0]

    def of(kind, table=events):
        return table[table.kind == kind]

    def toxic(kind, grade):
        struck = of(EventKind.TOXICITY, first)
        return struck[(struck.detail == kind) & (struck.grade >= grade)]

    cycles = of(EventKind.CYCLE_STARTED, first).groupby("patient").size()
    cycles = cycles.reindex(range(N), fill_value=0).to_numpy()
    begun = events[events.kind.isin([EventKind.LINE_STARTED, EventKind.USUAL_CARE_STARTED])]
    responded = of(EventKind.RESPONSE, first)
    stops_with_a_toxicity = of(EventKind.INFUSION_STOPPED, first).merge(
        of(EventKind.TOXICITY, first), on=["patient", "time_days"]
    )
    failed = first[first.kind.isin([EventKind.NO_RESPONSE, EventKind.RELAPSE])]
    return {
        Mark.SEVERE_FEBRILE_NEUTROPENIA: who(toxic(Toxicity.FEBRILE_NEUTROPENIA, 3)),
        Mark.CRS_ANY: who(toxic(Toxicity.CRS, 0)),
        Mark.NEUROTOXICITY_ANY: who(toxic(Toxicity.NEUROTOXICITY, 0)),
        Mark.INTERRUPTED: who(stops_with_a_toxicity),
        Mark.STOPPED_FOR_TOXICITY: who(of(EventKind.TREATMENT_STOPPED, first)),
        Mark.RESPONSE_IN_FIRST_CYCLE: who(responded[responded.cycle == 0]),
        Mark.NEXT_LINE: who(begun[begun.line > 0]),
        Mark.CD19_LOST: who(of(EventKind.CD19_LOSS, first)),
        Mark.VOD: who(of(EventKind.TRANSPLANT_VOD)),
        Mark.ACUTE_GVHD: who(of(EventKind.ACUTE_GVHD)),
        Mark.CHRONIC_GVHD: who(of(EventKind.CHRONIC_GVHD)),
        Mark.FAILED: who(failed),
        Mark.THIRD_CYCLE: cycles >= 3,
        Mark.SIXTH_CYCLE: cycles >= 6,
    }


def test_marks_are_what_pandas_finds_in_the_logs(told):
    """Every mark of every patient; that most of them are met is asserted below."""
    _, logs, events = told
    found = [noted_in(log).marks for log in logs]
    expected = marks_by_pandas(events)
    assert set(expected) == set(Mark)
    for mark, by_pandas in expected.items():
        assert [(each >> mark) & 1 == 1 for each in found] == list(by_pandas), mark


def test_each_mark_is_met_by_some_and_not_by_others(told):
    case, _, events = told
    met = {mark for mark, each in marks_by_pandas(events).items() if each.any() and not each.all()}
    if case == "relapsed":
        assert met == set(Mark)
    else:
        assert met >= {Mark.NEXT_LINE, Mark.FAILED, Mark.ACUTE_GVHD}


def test_times_are_what_pandas_finds_in_the_logs(told):
    """Remission and failure of the first line; the first relapse, transplant and relapse after it."""
    case, logs, events = told
    noted = pd.DataFrame([asdict(noted_in(log)) for log in logs])
    first = events[events.line == 0]
    remission = first[first.kind == EventKind.RESPONSE]
    entered = events[(events.kind == EventKind.ENTRY) & (events.detail == 1)]
    transplanted = when(events[events.kind == EventKind.TRANSPLANT])
    relapses = events[events.kind == EventKind.RELAPSE]
    after = relapses[relapses.time_days > transplanted[relapses.patient]]
    expected = {
        "remission_days": when(pd.concat([remission, entered])),
        "relapse_days": when(relapses),
        "death_days": when(events[events.kind == EventKind.DEATH]),
        "assessed_days": when(events[events.kind == EventKind.MRD_ASSESSED]),
        "transplant_days": transplanted,
        "relapse_after_transplant_days": when(after),
        "failure_days": when(
            first[first.kind.isin([EventKind.NO_RESPONSE, EventKind.RELAPSE])],
        ),
    }
    for name, by_pandas in expected.items():
        np.testing.assert_array_equal(noted[name], by_pandas, err_msg=name)
        met = (by_pandas < NEVER).any()
        assert met == (name != "assessed_days" or case == "MRD only"), name


def test_a_transplant_counts_as_in_remission_of_the_first_line_only_in_that_of_the_first(told):
    """All others, in a remission of a later line, count as ever."""
    _, logs, events = told
    rows = pd.DataFrame([outcome(log) for log in logs], columns=Outcome._fields)
    hct = events[events.kind == EventKind.TRANSPLANT]
    assert (hct.detail == (hct.line == 0)).all()
    np.testing.assert_array_equal(rows.hct_ever, who(hct))
    np.testing.assert_array_equal(rows.hct_in_remission, who(hct[hct.line == 0]))
    assert rows.hct_in_remission.sum() > 5
    assert rows.hct_ever.sum() > rows.hct_in_remission.sum()
    responses = events[(events.kind == EventKind.RESPONSE) & (events.line == 0)]
    np.testing.assert_array_equal(
        rows.response,
        who(responses) | who(events[(events.kind == EventKind.ENTRY) & (events.detail == 1)]),
    )
