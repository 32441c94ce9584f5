"""Each random draw, event kind and cause has a row, and the rows are true of simulated patients."""

import pytest

from sim.analyses.explain.divergences import ENTRY
from sim.analyses.explain.figure import MARKERS
from sim.clinic.draws import (
    DRAWS,
    Chance,
    Characteristic,
    Duration,
    Form,
    Grade,
    Once,
    Patients,
    RandomDraw,
    Time,
)
from sim.clinic.events import CAUSES, EVENTS, Cause, Event, EventKind, Role
from sim.clinic.patient import Patient
from sim.clinic.toxicity import DURATION_DECISION, GRADE_DECISION, ONSET_DECISION
from sim.economics.clerk import UNPRICED
from sim.engine.compiled.draw_plan import keys_ahead
from sim.layout.trace import describe
from sim.replay.divergence import behind
from sim.replay.replay import ENDS, replay
from tests.support.each import for_each

N = 250
FORMS = {
    Form.NORMAL: {
        RandomDraw.WEIGHT,
        RandomDraw.HEIGHT,
        RandomDraw.FIRST_REMISSION,
        RandomDraw.TRANSPLANT_TIME,
        *DURATION_DECISION.values(),
    },
    Form.EXPONENTIAL: {
        RandomDraw.BACKGROUND_DEATH,
        RandomDraw.REFRACTORY_SURVIVAL,
        RandomDraw.DEATH_IN_REMISSION,
        RandomDraw.LATE_TRANSPLANT_DEATH,
        RandomDraw.SURVIVAL_AFTER_RELAPSE,
    },
}
RARE = {
    RandomDraw.CELL_MANUFACTURE,
    RandomDraw.FIT_FOR_CELLS,
}
"""Made on demand in compiled code; all others must be there when they are needed."""
WITHIN_A_CYCLE = {
    EventKind.ENTRY,
    EventKind.LEUKAPHERESIS,
    EventKind.CELLS_INFUSED,
    EventKind.CELLS_NOT_GIVEN,
    EventKind.INFUSION_STARTED,
    EventKind.INFUSION_STOPPED,
    EventKind.TOXICITY,
    EventKind.SEIZURE,
    EventKind.TREATMENT_STOPPED,
    EventKind.RESPONSE,
    EventKind.NO_RESPONSE,
    EventKind.MRD_ASSESSED,
    EventKind.TRANSPLANT_VOD,
    EventKind.TRANSPLANT_INFECTION,
    EventKind.ACUTE_GVHD,
    EventKind.CHRONIC_GVHD,
    EventKind.CD19_LOSS,
    EventKind.LONG_TERM_SURVIVOR,
}
STRATEGIES = [
    {"name": "untreated", "sequence": [], "then": "usual_care"},
    {
        "name": "long",
        "sequence": ["blinatumomab", "inotuzumab"],
        "then": "usual_care",
        "maintenance": True,
    },
    {
        "name": "cells",
        "sequence": ["brexucabtagene", "blinatumomab", "brexucabtagene"],
        "then": "usual_care",
    },
]


def of(members):
    """Test a claim about every member of an enumeration."""
    return for_each({member.name: {"member": member} for member in members})


@pytest.fixture(scope="module")
def lives(ask):
    """Return the lives of 250 patients in relapse and 250 with MRD only, untreated and treated."""
    return [
        life
        for name in ("tower", "mrd_positive")
        for question in [ask(name, patients=1, seed=2, strategies=STRATEGIES)]
        for number in range(N)
        for life in replay(question, number).lives
    ]


@pytest.fixture(scope="module")
def made(lives):
    """Return by decision the draws that were used, each with the events before and its life."""
    found = {decision: [] for decision in RandomDraw}
    for life in lives:
        for draw in life.draws:
            if draw.used:
                found[draw.decision].append((draw, life))
    return found


@pytest.fixture(scope="module")
def kinds_of_events(lives, ask):
    """Return the kinds of events in the lives, and the kinds for which something was posted."""
    short = ask("tower", patients=1, seed=2, strategies=STRATEGIES, horizon_years=1)
    happened, posted = set(), set()
    for life in [*lives, *(life for n in range(20) for life in replay(short, n).lives)]:
        happened |= {event.kind for event in life.log}
        posted |= {life.log[posting.position].kind for posting in life.postings}
    return happened, posted


# Rows


@of(RandomDraw)
def test_a_draw_has_a_row(member):
    assert member in DRAWS, f"{member.name} has no row in DRAWS"
    facts = DRAWS[member]
    assert facts.word
    assert facts.needed_by
    if isinstance(facts, Chance):
        assert facts.otherwise not in ("", facts.word)
    if isinstance(facts, Characteristic):
        assert facts.attribute in Patient._fields
        assert ENTRY[member][0] == facts.word


@of(EventKind)
def test_an_event_kind_has_a_row(member):
    assert member in EVENTS, f"{member.name} has no row in EVENTS"
    assert EVENTS[member].word
    assert describe(Event(0.0, member, 0, 0, detail=1), ["a regimen", "another"])
    assert bool(EVENTS[member].mark) == (member in MARKERS)


@of(Cause)
def test_a_cause_of_death_has_a_row(member):
    assert member in CAUSES, f"{member.name} has no row in CAUSES"
    assert CAUSES[member].word
    assert bool(CAUSES[member].drawn_by) == (member != Cause.TOXICITY)


@of(RandomDraw)
def test_a_draw_stands_behind_an_event_or_a_characteristic(member):
    behind_events = {draw for facts in EVENTS.values() for draw in facts.drawn_by}
    assert isinstance(DRAWS[member], Characteristic) != (member in behind_events)


@of(EventKind)
def test_the_course_of_the_disease_is_marked(member):
    """All but the care after the last regimen; of toxicity only the severe is marked."""
    facts = EVENTS[member]
    care = (EventKind.USUAL_CARE_STARTED, EventKind.SUPPORTIVE_CARE_STARTED)
    assert not (Role.COURSE in facts.role and Role.DELIVERY in facts.role)
    if member != EventKind.TOXICITY:
        assert bool(facts.mark) == (Role.COURSE in facts.role and member not in care)


@of(EventKind)
def test_a_cycle_goes_on_only_through_findings_and_complications(member):
    assert (Role.ENDS_A_CYCLE in EVENTS[member].role) == (member not in WITHIN_A_CYCLE)


# What the compiled code draws in advance


@of(RandomDraw)
def test_a_draw_is_made_in_advance_unless_it_is_rare(ask, member):
    settings = ask("first_salvage", patients=1).model.settings
    keys = keys_ahead(settings, treated=True, untreated=True)
    forms = {form for decision, _, _, form, _ in keys.tolist() if decision == member}
    assert DRAWS[member].rare == (member in RARE)
    assert forms == (set() if member in RARE else {DRAWS[member].form})


@of(RandomDraw)
def test_a_draw_has_the_form_that_the_formulas_take(member):
    expected = next((form for form, members in FORMS.items() if member in members), Form.UNIFORM)
    assert DRAWS[member].form == expected


# Observed


@of([decision for decision in RandomDraw if decision not in ENTRY])
def test_a_draw_is_used_as_its_row_says(made, member):
    facts = DRAWS[member]
    assert made[member], f"{member.name} was never used"
    for draw, life in made[member]:
        assert bool(draw.comparisons) or not isinstance(facts, Chance | Grade)
        assert (draw.distribution is not None) == isinstance(facts, Time | Duration)
        assert (life.due_day(draw) is not None) == isinstance(facts, Time)
    at_its_start = {
        any(
            event.kind == EventKind.CYCLE_STARTED and event.time_days == draw.day
            for event in life.log[: draw.position]
        )
        for draw, life in made[member]
    }
    assert at_its_start == {facts.once == Once.CYCLE}


@of([decision for decision in RandomDraw if decision not in ENTRY])
def test_a_draw_is_made_only_for_the_patients_of_its_row(made, member):
    for draw, life in made[member]:
        true_of_life = patients(draw, life)
        assert DRAWS[member].needed_by & true_of_life, (draw, true_of_life)


@of([cause for cause in Cause if cause != Cause.TOXICITY])
def test_a_death_comes_on_the_day_of_a_draw_behind_its_cause(lives, member):
    deaths = [
        life
        for life in lives
        if life.log[-1].kind == EventKind.DEATH and life.log[-1].detail == member
    ]
    assert deaths
    for life in deaths:
        assert life.log[-1].time_days in {
            life.due_day(draw) for draw in life.draws if draw.decision in CAUSES[member].drawn_by
        }


@of(EventKind)
def test_an_event_can_end_a_time_if_a_draw_behind_it_is_due_on_its_day(lives, member):
    """A seizure and a stop come on the day of the toxicity, which is the event that was due."""
    due = any(
        life.due_day(draw) == event.time_days
        for life in lives
        for event in life.log
        if event.kind == member
        for draw in behind(life, event)
    )
    accompanies = member in (
        EventKind.SEIZURE,
        EventKind.TREATMENT_STOPPED,
        EventKind.INFUSION_STARTED,
        EventKind.INFUSION_STOPPED,
    )
    assert (member in ENDS) == (due and not accompanies)


@of(EventKind)
def test_an_event_is_described_by_the_draws_made_right_before_it(lives, member):
    """All but a death that is drawn when a line is given up, which is not about the response."""
    drawn = {
        draw.decision
        for life in lives
        for i, (before, event) in enumerate(zip(life.log, life.log[1:], strict=False))
        if event.kind == member
        for draw in life.draws
        if draw.used and draw.position == i + 1 and before.time_days < draw.day == event.time_days
    }
    assert set(EVENTS[member].described_by) == drawn - {RandomDraw.REFRACTORY_SURVIVAL}


def patients(draw, life):
    """Return what is true of the patient when the draw is made."""
    before, after = life.log[: draw.position], life.log[draw.position :]
    of_line = [event.kind for event in before if event.line == draw.line]
    transplanted = EventKind.TRANSPLANT in of_line
    remission = not transplanted and (
        EventKind.RESPONSE in of_line
        or (life.patient.mrd_only and EventKind.NO_RESPONSE not in of_line and draw.line == 0)
    )
    started = {EventKind.LINE_STARTED, EventKind.USUAL_CARE_STARTED}
    in_cycle = bool(of_line) and EventKind.CYCLE_STARTED in of_line
    toxic = {
        kind
        for kind, decision in GRADE_DECISION.items()
        for other in life.draws
        if other.key == (decision, draw.line, draw.cycle) and other.result > 0
    }
    own = {
        kind
        for table in (ONSET_DECISION, DURATION_DECISION)
        for kind, decision in table.items()
        if decision == draw.decision
    }
    true_of = {
        Patients.ENTERING: True,
        Patients.TREATED: bool(started & set(of_line)),
        Patients.IN_CYCLE: in_cycle,
        Patients.WITH_TOXICITY: in_cycle and bool(own & toxic if own else toxic),
        Patients.REFRACTORY: EventKind.RESPONSE not in of_line,
        Patients.RESPONDERS: bool(after)
        and after[0].kind in (EventKind.RESPONSE, EventKind.MRD_ASSESSED),
        Patients.IN_REMISSION: remission,
        Patients.CANDIDATES: remission,
        Patients.RELAPSED: EventKind.RELAPSE in of_line,
        Patients.BETWEEN_LINES: draw.line > 0 and not started & set(of_line),
        Patients.TRANSPLANTED: transplanted,
    }
    found = Patients(0)
    for group, is_true in true_of.items():
        found |= group if is_true else Patients(0)
    return found


@of(EventKind)
def test_an_event_of_each_kind_happens_in_some_life(kinds_of_events, member):
    happened, _ = kinds_of_events
    assert member in happened


@of(EventKind)
def test_the_clerk_posts_something_for_an_event_unless_its_kind_is_unpriced(
    kinds_of_events, member
):
    """In the United States, where no price is 0."""
    _, posted = kinds_of_events
    assert (member in posted) == ((UNPRICED >> member) & 1 == 0)
