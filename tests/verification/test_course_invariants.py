"""The course of the disease in every log, and the books kept on it.

Each property is tried on 60 drawn questions of n = 60 patients; the fixture `walk` says what is
drawn.
"""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from sim.clinic.events import Cause, Happening
from sim.clinic.toxicity import FATAL
from sim.economics.ledger import Category


def for_drawn_questions(test):
    """Try a property on the 60 questions of one seed, whose answers the tests share.

    A failure is not made smaller: that would simulate for minutes.
    """
    quick = settings(max_examples=60, phases=[Phase.generate], report_multiple_bugs=False)
    return quick(seed(2)(given(data=st.data())(test)))


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
            if event.kind in (Happening.RESPONSE, Happening.NO_RESPONSE):
                assert not remission
                assert event.line not in answered
                answered.add(event.line)
                remission, transplanted = event.kind == Happening.RESPONSE, False
            elif event.kind == Happening.TRANSPLANT:
                assert remission == (event.detail == 1)
                assert not transplanted or event.detail == 0
                remission = transplanted = True
            elif event.kind == Happening.RELAPSE:
                assert remission
                remission = transplanted = False
            elif event.kind in (Happening.ACUTE_GVHD, Happening.CHRONIC_GVHD):
                assert transplanted
            elif event.kind == Happening.LINE_STARTED:
                assert remission == (trace.patient.mrd_only and event.line == 0)
            elif event.kind == Happening.MRD_ASSESSED:
                assert (remission, event.line, event.cycle) == (True, 0, 0)
            elif event.kind == Happening.USUAL_CARE_STARTED:
                assert not remission
            elif event.kind == Happening.LONG_TERM_SURVIVOR:
                assert remission
            elif event.kind == Happening.DEATH:
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
            if event.kind == Happening.TOXICITY and event.grade == FATAL
        ]
        end = trace.log[-1]
        assert len(fatal) <= 1
        if end.kind == Happening.DEATH and end.detail == Cause.TOXICITY:
            assert fatal == [end.time_days]
        else:
            assert all(day >= end.time_days for day in fatal)


@for_drawn_questions
def test_survivorship_begins_two_years_after_remission_or_transplant(walk, data):
    """After entry, when MRD only is not treated."""
    begins = {Happening.ENTRY, Happening.RESPONSE, Happening.MRD_ASSESSED, Happening.TRANSPLANT}
    for trace in walk(data).traces:
        since = math.nan
        for event in trace.log:
            if event.kind in begins:
                since = event.time_days
            elif event.kind == Happening.LONG_TERM_SURVIVOR:
                assert event.time_days == since + 2 * 365.25


@for_drawn_questions
def test_cd19_is_lost_to_what_targets_it_and_once_lost_stays_lost(walk, data):
    for trace in walk(data).traces:
        lost = False
        for event in trace.log:
            if event.kind == Happening.CD19_LOSS:
                assert trace.regimens[event.line].startswith("blinatumomab")
                lost = True
            elif event.kind == Happening.RESPONSE and lost:
                assert not trace.regimens[event.line].startswith("blinatumomab")


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
            if event.kind == Happening.TREATMENT_STOPPED
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
