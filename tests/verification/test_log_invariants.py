"""What holds in every log and its books, whatever the parameters, the strategy and the switches.

Each property is tried on 60 drawn questions of n = 60 patients; the fixture `walk` says what is
drawn.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from sim.clinic.draws import CYCLES_PER_LINE
from sim.clinic.events import Cause, EventKind
from sim.clinic.toxicity import FATAL, Toxicity
from sim.economics.ledger import Category
from sim.engine.outcomes import outcome

TERMINAL = {EventKind.DEATH, EventKind.HORIZON}
TREATMENT = {
    EventKind.CYCLE_STARTED,
    EventKind.INFUSION_STARTED,
    EventKind.TOXICITY,
    EventKind.SEIZURE,
    EventKind.TREATMENT_STOPPED,
}
CELLS = ("brexucabtagene", "tisagenlecleucel")
PUMP = {EventKind.INFUSION_STARTED, EventKind.INFUSION_STOPPED}


def for_drawn_questions(test):
    """Try a property on the 60 questions of one seed, whose answers the tests share.

    A failure is not made smaller: that would simulate for minutes.
    """
    quick = settings(max_examples=60, phases=[Phase.generate], report_multiple_bugs=False)
    return quick(seed(3)(given(data=st.data())(test)))


# The drawing.


def test_the_drawn_questions_meet_all_that_can_happen(walk):
    """None of the properties holds for want of what it speaks of."""
    met = set()

    @for_drawn_questions
    def look(data):
        for trace in walk(data).traces:
            met.update(event.kind for event in trace.log)
            if trace.log[-1].kind == EventKind.DEATH:
                met.add(Cause(trace.log[-1].detail).name)

    look()
    assert met == {*EventKind, *(cause.name for cause in Cause)}


# Time.


@for_drawn_questions
def test_a_log_runs_from_entry_to_one_end_in_order(walk, data):
    simulation = walk(data)
    horizon = simulation.question.model.settings.horizon_days
    for trace in simulation.traces:
        log = trace.log
        assert (log[0].kind, log[0].time_days) == (EventKind.ENTRY, 0.0)
        assert [event.kind for event in log].count(EventKind.ENTRY) == 1
        assert [event.kind in TERMINAL for event in log] == [False] * (len(log) - 1) + [True]
        times = [event.time_days for event in log]
        assert times == sorted(times)
        if log[-1].kind == EventKind.HORIZON:
            assert times[-1] == horizon
        else:
            assert times[-1] < horizon


@for_drawn_questions
def test_lines_and_cycles_count_up(walk, data):
    for trace in walk(data).traces:
        lines = [event.line for event in trace.log]
        assert lines == sorted(lines)
        started = [event for event in trace.log if event.kind == EventKind.LINE_STARTED]
        assert [event.line for event in started] == list(range(len(started)))
        assert [event.detail for event in started] == list(range(len(started)))
        assert len(started) <= len(trace.regimens)
        for line in range(len(started)):
            cycles = [
                event.cycle
                for event in trace.log
                if event.kind == EventKind.CYCLE_STARTED and event.line == line
            ]
            assert cycles == list(range(len(cycles)))
            assert len(cycles) < CYCLES_PER_LINE


@for_drawn_questions
def test_every_line_begins_once_and_those_after_the_named_ones_are_usual_care(walk, data):
    """Who has MRD only and no regimen is in remission, untreated, until the second line."""
    for trace in walk(data).traces:
        untreated = trace.patient.mrd_only and not trace.regimens
        started = [
            (event.line, event.kind)
            for event in trace.log
            if event.kind in (EventKind.LINE_STARTED, EventKind.USUAL_CARE_STARTED)
        ]
        lines = [line for line, _ in started]
        assert lines == list(range(untreated, untreated + len(lines)))
        for line, kind in started:
            assert (kind == EventKind.LINE_STARTED) == (line < len(trace.regimens))
        care = [event.kind for event in trace.log].count(EventKind.SUPPORTIVE_CARE_STARTED)
        assert care <= 1


@for_drawn_questions
def test_usual_care_is_assessed_once_unless_something_comes_before(walk, data):
    """On the day after its start that the parameters say; nothing is given in between."""
    simulation = walk(data)
    for trace in simulation.traces:
        for event, following in pairwise(trace.log):
            if event.kind == EventKind.USUAL_CARE_STARTED:
                days = simulation.question.numbers["usual_care.schedule.first_cycle_days"]
                if following.kind in (EventKind.RESPONSE, EventKind.NO_RESPONSE):
                    assert following.time_days == event.time_days + days
                else:
                    assert following.kind in TERMINAL
                    assert following.time_days <= event.time_days + days


@for_drawn_questions
def test_remission_ends_before_life_does(walk, data):
    for trace in walk(data).traces:
        row = outcome(trace.log)
        end = min(row.death_days, row.horizon_days)
        assert row.horizon_days == trace.log[-1].time_days
        if row.response:
            assert row.remission_days <= end
            assert (row.remission_days == 0.0) == trace.patient.mrd_only
            assert row.rfs_days >= 0.0
            assert row.efs_days <= row.death_days
            assert row.remission_days + row.rfs_days == pytest.approx(row.efs_days, rel=1e-12)
            relapses = [e.time_days for e in trace.log if e.kind == EventKind.RELAPSE]
            assert all(row.remission_days < day <= end for day in relapses)
        else:
            assert math.isnan(row.rfs_days)
            assert row.efs_days == 0.0


# Treatment.


@for_drawn_questions
def test_nothing_is_given_in_a_line_after_relapse_transplant_or_stop(walk, data):
    for trace in walk(data).traces:
        over = {}
        for event in trace.log:
            if event.kind in TREATMENT:
                ended_by = over.get(event.line, set())
                assert not ended_by & {EventKind.RELAPSE, EventKind.TRANSPLANT}
                if event.kind in (EventKind.CYCLE_STARTED, EventKind.INFUSION_STARTED):
                    assert EventKind.TREATMENT_STOPPED not in ended_by
                    assert EventKind.NO_RESPONSE not in ended_by
            over.setdefault(event.line, set()).add(event.kind)


@for_drawn_questions
def test_the_pump_is_stopped_before_the_end_and_gives_no_more_than_the_cycle_holds(walk, data):
    """Doses that follow on each other without a stop differ; 28 days a cycle at most."""
    for trace in walk(data).traces:
        running, given = None, {}
        for event in trace.log:
            if running is not None and event.kind in PUMP:
                assert (event.line, event.cycle) == (running.line, running.cycle)
                key = event.line, event.cycle
                given[key] = given.get(key, 0.0) + event.time_days - running.time_days
            if event.kind == EventKind.INFUSION_STARTED:
                assert trace.regimens[event.line].startswith("blinatumomab")
                assert event.value in (9.0, 28.0)
                assert running is None or running.value != event.value
                running = event
            elif event.kind == EventKind.INFUSION_STOPPED:
                assert running is not None
                running = None
            elif event.kind not in TREATMENT or event.kind == EventKind.CYCLE_STARTED:
                assert running is None
        assert all(days <= 28.0 + 1e-9 for days in given.values())


@for_drawn_questions
def test_toxicity_stands_in_a_cycle_and_follows_its_grade(walk, data):
    """Grades 4 and 5 stop treatment at once; a seizure belongs to neurotoxicity of that moment.

    Cells that are infused cannot be stopped.
    """
    for trace in walk(data).traces:
        for place, event in enumerate(trace.log):
            same_moment = {
                (other.kind, other.detail)
                for other in trace.log[place + 1 :]
                if other.time_days == event.time_days
            }
            if event.kind == EventKind.TOXICITY:
                assert event.grade in (2, 3, 4, 5)
                assert event.value > 0.0
                assert event.cycle >= 0
                given = trace.regimens[event.line] not in CELLS
                if given and event.grade >= 4 and trace.log[-1].time_days > event.time_days:
                    assert (EventKind.TREATMENT_STOPPED, event.detail) in same_moment
            if event.kind == EventKind.SEIZURE:
                cause = trace.log[place - 1]
                assert (cause.kind, cause.detail, cause.time_days) == (
                    EventKind.TOXICITY,
                    Toxicity.NEUROTOXICITY,
                    event.time_days,
                )


# Disease.


@for_drawn_questions
def test_leukaemia_is_in_remission_or_active_and_changes_as_it_can(walk, data):
    """Response and transplant begin remission, relapse ends it; deaths fit what they end.

    Who enters with MRD only is in remission; MRD is assessed in the first line and nowhere else.
    """
    for trace in walk(data).traces:
        remission, transplanted = trace.patient.mrd_only, False
        assert trace.log[0].detail == trace.patient.mrd_only
        answered = set()
        for event in trace.log:
            if event.kind in (EventKind.RESPONSE, EventKind.NO_RESPONSE):
                assert not remission
                assert event.line not in answered
                answered.add(event.line)
                remission, transplanted = event.kind == EventKind.RESPONSE, False
            elif event.kind == EventKind.TRANSPLANT:
                assert remission
                assert not transplanted
                assert event.detail == (event.line == 0)
                transplanted = True
            elif event.kind == EventKind.RELAPSE:
                assert remission
                remission = transplanted = False
            elif event.kind in (EventKind.ACUTE_GVHD, EventKind.CHRONIC_GVHD):
                assert transplanted
            elif event.kind == EventKind.LINE_STARTED:
                assert remission == (trace.patient.mrd_only and event.line == 0)
            elif event.kind == EventKind.MRD_ASSESSED:
                assert (remission, event.line, event.cycle) == (True, 0, 0)
            elif event.kind == EventKind.USUAL_CARE_STARTED:
                assert not remission
            elif event.kind == EventKind.LONG_TERM_SURVIVOR:
                assert remission
            elif event.kind == EventKind.DEATH:
                expected = {
                    Cause.LEUKAEMIA: not remission,
                    Cause.IN_REMISSION: remission and not transplanted,
                    Cause.TRANSPLANT: transplanted,
                }
                assert expected.get(Cause(event.detail), True)


@for_drawn_questions
def test_toxic_deaths_come_when_a_fatal_toxicity_ends(walk, data):
    for trace in walk(data).traces:
        fatal = [
            event.time_days + event.value
            for event in trace.log
            if event.kind == EventKind.TOXICITY and event.grade == FATAL
        ]
        end = trace.log[-1]
        assert len(fatal) <= 1
        if end.kind == EventKind.DEATH and end.detail == Cause.TOXICITY:
            assert fatal == [end.time_days]
        else:
            assert all(day >= end.time_days for day in fatal)


@for_drawn_questions
def test_survivorship_begins_two_years_after_remission_or_transplant(walk, data):
    """After entry, when MRD only is not treated."""
    begins = {EventKind.ENTRY, EventKind.RESPONSE, EventKind.MRD_ASSESSED, EventKind.TRANSPLANT}
    for trace in walk(data).traces:
        since = math.nan
        for event in trace.log:
            if event.kind in begins:
                since = event.time_days
            elif event.kind == EventKind.LONG_TERM_SURVIVOR:
                assert event.time_days == since + 2 * 365.25


@for_drawn_questions
def test_cd19_is_lost_to_what_targets_it_and_once_lost_stays_lost(walk, data):
    for trace in walk(data).traces:
        lost = False
        for event in trace.log:
            if event.kind == EventKind.CD19_LOSS:
                assert trace.regimens[event.line].startswith(("blinatumomab", *CELLS))
                lost = True
            elif event.kind == EventKind.RESPONSE and lost and event.line < len(trace.regimens):
                assert not trace.regimens[event.line].startswith(("blinatumomab", *CELLS))


# The ledger of such a log.


@for_drawn_questions
def test_the_books_close_with_the_log(walk, data):
    """Stays fill the life; nothing is posted outside of it; costs and life are not negative."""
    for trace in walk(data).traces:
        end = trace.log[-1].time_days
        stays = [entry for entry in trace.ledger if entry.category == Category.LIFE]
        edges = [0.0, *(entry.end_days for entry in stays)]
        assert [entry.start_days for entry in stays] == edges[:-1]
        assert edges[-1] == end
        for entry in trace.ledger:
            assert 0.0 <= entry.start_days <= entry.end_days <= end
            assert abs(entry.discounted) <= abs(entry.undiscounted) < math.inf
            lost = entry.category in (Category.QALY_TOXICITY, Category.QALY_GVHD)
            assert lost == (entry.undiscounted < 0.0)


@for_drawn_questions
def test_no_drug_of_a_line_is_paid_after_its_treatment_has_stopped(walk, data):
    """Tablets go on."""
    for trace in walk(data).traces:
        stopped = {
            event.line: event.time_days
            for event in trace.log
            if event.kind == EventKind.TREATMENT_STOPPED
        }
        for entry in trace.ledger:
            if entry.category == Category.DRUG and entry.what != "tablets":
                assert entry.start_days <= stopped.get(entry.line, math.inf)


@for_drawn_questions
def test_no_day_in_hospital_is_paid_twice_for_a_line(walk, data):
    """Planned stays of its cycles, and stays for its toxicity beyond them, to 1e-9 days."""
    for trace in walk(data).traces:
        stays = sorted(
            (entry.line, entry.start_days, entry.end_days)
            for entry in trace.ledger
            if entry.what.startswith("days, ")
        )
        for (line, _, end), (next_line, start, _) in pairwise(stays):
            assert line != next_line or end <= start + 1e-9
