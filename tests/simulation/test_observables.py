"""What the core counts of the observables is what pandas counts in the logs of the reference engine.

Nothing here reads `sim.engine.outcomes` or the counting of the core: each thing that patients may
have in common, and each time, is looked up in the logs as a table of events.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from sim.clinic.events import Event, EventKind
from sim.clinic.toxicity import Toxicity
from sim.clinic.units import NEVER
from sim.engine import reference
from sim.simulation.observables import (
    BITS,
    OBSERVED_BINS,
    OBSERVED_MONTHS,
    Moment,
    Observable,
    new_observed,
)
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import with_numbers
from sim.simulation.run import run

PATIENTS = 400
DAYS_PER_MONTH = 365.25 / 12
SEVERE = 3
SETS = (
    {},
    {
        "response.baseline_logit": 1.2,
        "candidacy.baseline_logit": 0.8,
        "relapse.median_months_mrd_negative": 30.0,
        "later.next_line_probability": 0.9,
        "disease.refractory_median_months": 5.0,
    },
)
"""The question as it is, and one with more remissions, transplants and lines."""
OFTEN = {
    "population.mrd_only_probability": 0.25,
    "population.prior_hct_probability": 0.3,
    "population.first_salvage_probability": 0.5,
    "population.second_salvage_probability": 0.25,
    "population.kmt2a_probability": 0.2,
    "population.cns_probability": 0.2,
    "population.extramedullary_probability": 0.2,
    "transplant.vod_probability": 0.2,
    "transplant.vod_after_inotuzumab_probability": 0.3,
    "later.cd19_loss_probability": 0.3,
}
"""So often that 400 patients hold some of each kind."""
STRATEGIES = [
    {
        "name": "antibodies",
        "sequence": ["blinatumomab", "inotuzumab"],
        "then": "usual_care",
        "maintenance": True,
    },
    {
        "name": "chemotherapy",
        "sequence": ["salvage_chemotherapy", "blinatumomab"],
        "then": "usual_care",
    },
]


# What is counted: shares of all and of groups, and times from every origin


def moments(*chosen):
    return sum(1 << moment for moment in chosen)


SHARES = [Observable(0, 0, bit, Moment.START, 0, 0) for bit in BITS.values()]
GROUPS = [
    Observable(required, excluded, hit, Moment.START, 0, 0)
    for bit in BITS.values()
    for required, excluded in ((bit, 0), (0, bit))
    for hit in (BITS["response"], BITS["hct_ever"] | BITS["mrd_negative"])
]
WITHIN_GROUPS = [
    Observable(BITS["response"] | bit, 0, BITS["hct_in_remission"], Moment.START, 0, 0)
    for bit in BITS.values()
] + [
    Observable(BITS["third_cycle"], BITS["sixth_cycle"], BITS["interrupted"], Moment.START, 0, 0),
    Observable(BITS["hct_ever"], BITS["hct_in_remission"], BITS["vod"], Moment.TRANSPLANT, 0, 0),
]
EVENTS = (
    (Moment.DEATH,),
    (Moment.RELAPSE,),
    (Moment.RELAPSE, Moment.DEATH),
    (Moment.FAILURE, Moment.DEATH),
    (Moment.TRANSPLANT,),
    (Moment.EVENT,),
)
ENDINGS = ((), (Moment.TRANSPLANT,), (Moment.RELAPSE,), (Moment.DEATH,))
TIMES = [
    Observable(required, excluded, 0, origin, moments(*events), moments(*endings))
    for origin, events, endings in product(Moment, EVENTS, ENDINGS)
    for required, excluded in (
        (0, 0),
        (BITS["ph_positive"], 0),
        (BITS["third_cycle"], BITS["sixth_cycle"]),
    )
]
OBSERVABLES = tuple(dict.fromkeys([*SHARES, *GROUPS, *WITHIN_GROUPS, *TIMES]))


# The same from the logs


def having(frame, *masks):
    """Return the patients who have an event for which all of the masks hold."""
    whole = np.logical_and.reduce(masks)
    return frame.loc[whole, "patient"].unique()


def first_time(frame, patients, mask):
    """Return the time of each patient's first event for which the mask holds, else never."""
    return frame[mask].groupby("patient")["time_days"].min().reindex(patients, fill_value=NEVER)


def people_of(patients):
    """Return what patients have at entry, by the names of the bits."""
    table = pd.DataFrame([patient._asdict() for patient in patients]).set_index("number")
    found = table[
        ["ph_positive", "prior_hct", "kmt2a", "high_blasts", "extramedullary", "cns", "mrd_only"]
    ].copy()
    found["male"] = table["male"]
    found["primary_refractory"] = table["primary_refractory"]
    found["first_salvage"] = table["salvage_line"] == 1
    found["second_salvage"] = table["salvage_line"] == 2
    found["early_relapse"] = ~table["primary_refractory"] & (table["first_remission_months"] < 12.0)
    for age in (35, 55, 60, 65):
        found[f"age_from_{age}"] = table["age_years"] >= age
    return found.astype(bool)


def marks_of(frame, patients):
    """Return what befell the patients, by the names of the bits."""
    kind, line, detail, grade = (frame[name] for name in ("kind", "line", "detail", "grade"))
    first, toxic = line == 0, kind == EventKind.TOXICITY
    enters_in_remission = (kind == EventKind.ENTRY) & (detail == 1)
    responds = (kind == EventKind.RESPONSE) & first
    assessed = kind == EventKind.MRD_ASSESSED
    cycles = frame[(kind == EventKind.CYCLE_STARTED) & first].groupby("patient").size()
    onsets = frame[toxic & first][["patient", "time_days"]]
    stops = frame[(kind == EventKind.INFUSION_STOPPED) & first][["patient", "time_days"]]
    begun = kind.isin([EventKind.LINE_STARTED, EventKind.USUAL_CARE_STARTED])
    with_mark = {
        "response": having(frame, responds | enters_in_remission),
        "complete_remission": having(frame, (responds & (detail == 1)) | enters_in_remission),
        "mrd_negative": having(frame, responds | assessed, frame["value"] == 1.0),
        "hct_ever": having(frame, kind == EventKind.TRANSPLANT),
        "hct_in_remission": having(frame, kind == EventKind.TRANSPLANT, detail == 1),
        "severe_crs": having(frame, toxic, detail == Toxicity.CRS, grade >= SEVERE),
        "severe_neurotoxicity": having(
            frame, toxic, detail == Toxicity.NEUROTOXICITY, grade >= SEVERE
        ),
        "severe_hepatotoxicity": having(
            frame, toxic, detail == Toxicity.HEPATOTOXICITY, grade >= SEVERE
        ),
        "severe_infection": having(frame, toxic, detail == Toxicity.INFECTION, grade >= SEVERE),
        "severe_febrile_neutropenia": having(
            frame, toxic, first, detail == Toxicity.FEBRILE_NEUTROPENIA, grade >= SEVERE
        ),
        "crs_any": having(frame, toxic, first, detail == Toxicity.CRS),
        "neurotoxicity_any": having(frame, toxic, first, detail == Toxicity.NEUROTOXICITY),
        "interrupted": stops.merge(onsets, on=["patient", "time_days"])["patient"].unique(),
        "stopped_for_toxicity": having(frame, kind == EventKind.TREATMENT_STOPPED, first),
        "response_in_first_cycle": having(frame, responds, frame["cycle"] == 0),
        "next_line": having(frame, begun, line > 0),
        "cd19_lost": having(frame, kind == EventKind.CD19_LOSS, first),
        "vod": having(frame, kind == EventKind.TRANSPLANT_VOD),
        "acute_gvhd": having(frame, kind == EventKind.ACUTE_GVHD),
        "chronic_gvhd": having(frame, kind == EventKind.CHRONIC_GVHD),
        "failed": having(frame, kind.isin([EventKind.NO_RESPONSE, EventKind.RELAPSE]), first),
        "third_cycle": cycles.index[cycles >= 3],
        "sixth_cycle": cycles.index[cycles >= 6],
    }
    return pd.DataFrame({name: patients.isin(who) for name, who in with_mark.items()}, patients)


def times_of(frame, patients):
    """Return the moments of the patients, in days since entry, and relapse after transplant."""
    kind, first = frame["kind"], frame["line"] == 0
    in_remission = ((kind == EventKind.RESPONSE) & first) | (
        (kind == EventKind.ENTRY) & (frame["detail"] == 1)
    )
    fails = kind.isin([EventKind.NO_RESPONSE, EventKind.RELAPSE])
    times = pd.DataFrame(
        {
            Moment.START: 0.0,
            Moment.REMISSION: first_time(frame, patients, in_remission),
            Moment.MRD_ASSESSMENT: first_time(frame, patients, kind == EventKind.MRD_ASSESSED),
            Moment.TRANSPLANT: first_time(frame, patients, kind == EventKind.TRANSPLANT),
            Moment.FAILURE: first_time(frame, patients, fails & first),
            Moment.RELAPSE: first_time(frame, patients, kind == EventKind.RELAPSE),
            Moment.DEATH: first_time(frame, patients, kind == EventKind.DEATH),
        }
    )
    relapse_or_death = times[[Moment.RELAPSE, Moment.DEATH]].min(axis=1)
    # Without a response the event is at entry, as TOWER counted event-free survival.
    times[Moment.EVENT] = relapse_or_death.where(times[Moment.REMISSION] < NEVER, 0.0)
    transplanted = frame["patient"].map(times[Moment.TRANSPLANT])
    later = (kind == EventKind.RELAPSE) & (frame["time_days"] > transplanted)
    return times, first_time(frame, patients, later)


def columns_of(table):
    return {name: table[name].to_numpy() for name in table.columns}


EDGES = np.arange(OBSERVED_BINS) * (DAYS_PER_MONTH / 16)


def bins_of(days):
    """Return how many times lie in each sixteenth of a month ``(a, b]``; the last has no end."""
    places = np.searchsorted(EDGES, days, side="left") - 1
    return np.bincount(np.maximum(places, 0), minlength=OBSERVED_BINS)


def counted(observable, has, times, relapse_after_transplant):
    """Count one observable in the columns of the patients."""
    origin = times[Moment(observable.origin)]
    followed = origin < NEVER
    hit = followed.copy()
    for name, bit in BITS.items():
        if observable.required & bit:
            followed &= has[name]
        if observable.excluded & bit:
            followed &= ~has[name]
        if observable.hit & bit:
            hit &= has[name]
    seen = dict(times)
    if observable.origin == Moment.TRANSPLANT:
        seen[Moment.RELAPSE] = relapse_after_transplant
    first = []
    for chosen in (observable.events, observable.endings):
        columns = [seen[moment] for moment in Moment if chosen & (1 << moment)]
        days = np.min([np.full(PATIENTS, NEVER), *columns], axis=0)
        first.append(days[followed] - origin[followed])
    event, ending = first
    comes_first = event <= ending
    return (
        int(followed.sum()),
        int((followed & hit).sum()) if observable.hit else None,
        bins_of(event[comes_first]),
        bins_of(ending[~comes_first]),
    )


# Both engines


@pytest.fixture(scope="module")
def question(ask):
    asked = ask("real_world", patients=PATIENTS, seed=11, strategies=STRATEGIES, parameters=OFTEN)
    return with_observables(asked)


def with_observables(asked):
    return replace(asked, observables=OBSERVABLES)


@pytest.fixture(scope="module")
def tallies(question):
    return [each.tally for each in run_sets(question, SETS, threads=1)]


@pytest.fixture(scope="module")
def tables(question):
    """Return, by parameter set and strategy, what the logs of the reference engine tell."""
    found = {}
    for k, numbers in enumerate(SETS):
        model = with_numbers(question, numbers).model
        for s, strategy in enumerate(model.strategies):
            lives = list(reference.simulate(model, strategy, seed=question.seed, patients=PATIENTS))
            rows = [(person.number, *event) for person, log in lives for event in log]
            frame = pd.DataFrame(rows, columns=["patient", *Event._fields])
            patients = pd.Index([person.number for person, _ in lives])
            has = pd.concat([marks_of(frame, patients), people_of(p for p, _ in lives)], axis=1)
            times, after = times_of(frame, patients)
            found[k, s] = (columns_of(has), columns_of(times), after.to_numpy())
    return found


BOTH = pytest.mark.parametrize(("k", "s"), list(product(range(len(SETS)), range(len(STRATEGIES)))))


# n = 400 patients of each strategy and parameter set; whole numbers, so no tolerance.
@BOTH
def test_counts_of_the_core_are_those_of_the_logs(tallies, tables, k, s):
    seen = tallies[k].counts.observed
    for place, observable in enumerate(OBSERVABLES):
        patients, hits, events, endings = counted(observable, *tables[k, s])
        assert seen.patients[s, place] == patients, observable
        assert hits is None or seen.hits[s, place] == hits, observable
        assert np.array_equal(seen.events[s, place], events), observable
        assert np.array_equal(seen.endings[s, place], endings), observable


def test_logs_tell_of_every_bit_by_name(tables):
    for has, _, _ in tables.values():
        assert sorted(has) == sorted(BITS)


def test_every_bit_is_of_some_patients_and_not_of_all(tallies):
    for name, bit in BITS.items():
        place = OBSERVABLES.index(Observable(0, 0, bit, Moment.START, 0, 0))
        hits = [each.counts.observed.hits[s, place] for each in tallies for s in (0, 1)]
        assert max(hits) > 0, name
        assert min(hits) < PATIENTS, name


def test_bits_do_not_overlap():
    values = list(BITS.values())
    assert all(bit.bit_count() == 1 for bit in values)
    assert sum(values) == np.bitwise_or.reduce(values)


@pytest.mark.parametrize("origin", list(Moment))
def test_every_origin_is_of_some_patients(tallies, origin):
    place = OBSERVABLES.index(Observable(0, 0, 0, origin, moments(Moment.DEATH), 0))
    assert any(each.counts.observed.patients[:, place].any() for each in tallies)


# The transplant ends the follow-up of some of those in remission, and before the event.
def test_transplant_as_ending_takes_patients_out(tallies):
    died = moments(Moment.DEATH)
    whole = OBSERVABLES.index(Observable(0, 0, 0, Moment.REMISSION, died, 0))
    censored = OBSERVABLES.index(
        Observable(0, 0, 0, Moment.REMISSION, died, moments(Moment.TRANSPLANT))
    )
    for each in tallies:
        seen = each.counts.observed
        assert seen.endings[0, censored].sum() > 10
        assert (
            seen.events[0, censored].sum() + seen.endings[0, censored].sum()
            == seen.events[0, whole].sum()
        )


def test_relapse_before_a_transplant_is_not_one_after_it(tables):
    """Some relapse, are transplanted in a later remission, and do not relapse again."""
    _, times, after = tables[1, 0]
    relapsed_first = times[Moment.RELAPSE] < times[Moment.TRANSPLANT]
    transplanted = times[Moment.TRANSPLANT] < NEVER
    assert (relapsed_first & transplanted & (after == NEVER)).sum() > 5
    assert (after < NEVER).sum() > 5


def test_every_patient_followed_is_counted_once(tallies):
    for each in tallies:
        seen = each.counts.observed
        ended = seen.events.sum(axis=-1) + seen.endings.sum(axis=-1)
        assert np.array_equal(ended, seen.patients)


def test_parameter_sets_and_strategies_are_counted_apart(tallies):
    seen = [each.counts.observed.hits for each in tallies]
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0][0], seen[0][1])


# More patients than a unit of 4096, and more sets than threads.
def test_counts_do_not_depend_on_threads_or_on_the_other_sets(ask):
    asked = with_observables(
        ask("real_world", patients=5000, seed=12, strategies=STRATEGIES, parameters=OFTEN)
    )
    sets = [*SETS, {"response.baseline_logit": -1.0}]
    one, several = (
        [each.tally.counts.observed for each in run_sets(asked, sets, threads=threads)]
        for threads in (1, 3)
    )
    alone = run(with_observables(with_numbers(asked, sets[1])), threads=2).tally.counts.observed
    for ours, theirs in [*zip(one, several, strict=True), (one[1], alone)]:
        for name, mine, other in zip(ours._fields, ours, theirs, strict=True):
            assert np.array_equal(mine, other), name
    assert not np.array_equal(one[0].events, one[2].events)


def test_question_without_observables_counts_none(ask):
    counts = run(ask("first_salvage", patients=10)).tally.counts.observed
    assert all(array.size == 0 for array in counts)


def test_room_for_the_counts_has_a_bin_beyond_the_last_month():
    empty = new_observed(3, 2)
    assert empty.patients.shape == empty.hits.shape == (2, 3)
    assert empty.events.shape == empty.endings.shape == (2, 3, 16 * OBSERVED_MONTHS + 1)
    assert not any(array.any() for array in empty)
