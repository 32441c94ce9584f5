"""Faults put into what the checks of `verify` examine: one number, one column, one log."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from sim.analyses.verify.check import Subject
from sim.simulation.question import with_numbers
from sim.simulation.run import traces
from sim.simulation.tally import CATEGORIES
from tests.support.faulty_lives import with_counts, with_outcome, with_sums

BOTH = slice(None)
UNDISCOUNTED, DISCOUNTED = 0, 1


def small_subject(question, *, patients, logs):
    """Return a subject of few patients, with everything simulated that is not under a change."""
    subject = Subject(question, threads=1)
    subject.question = replace(subject.question, patients=patients)
    vars(subject)["logs"] = traces(subject.question, logs)
    assert subject.lives.rows.shape[0] == patients
    return subject


def faulty(subject, *, lives=None, under=None, logs=None, question=None, asked=None):
    """Return a subject that differs in its lives, those under a change, its logs or its question."""
    other = copy.copy(subject)
    if lives is not None:
        vars(other)["lives"] = lives(subject.lives)
    if under is not None:
        other.under = lambda numbers=None, changes=None: under(
            subject.under(numbers, changes), dict(changes or {})
        )
    if logs is not None:
        vars(other)["logs"] = tuple(logs(trace) for trace in subject.logs)
    if question is not None:
        other.question = question(subject.question)
    if asked is not None:
        other.asked = asked
    return other


# Of lives.


def rows(name, change):
    """Change an outcome of every life."""
    changed = change if callable(change) else lambda _: change
    return lambda lives, *_: with_outcome(lives, name, changed)


def amounts(category, change, kinds=BOTH):
    """Change the amounts of a category, or of all where it is None."""

    def fault(lives, *_):
        found = lives.amounts.copy()
        columns = BOTH if category is None else CATEGORIES.index(category)
        found[:, :, kinds, columns] = change(found[:, :, kinds, columns])
        return replace(lives, amounts=found)

    return fault


def tallied(part, name, change):
    """Change an array of the tally."""

    changed = {"sums": with_sums, "counts": with_counts}[part]
    return lambda lives, *_: changed(
        lives, **{name: change(getattr(getattr(lives.tally, part), name))}
    )


def added(amount):
    return lambda found: found + amount


def multiplied(factor):
    return lambda found: found * factor


def one_more_in_the_first_bin(found):
    more = found.copy()
    more[:, 0] += 1
    return more


def risen_and_fallen(found):
    """Count a death too many, and take it back later."""
    moved = found.copy()
    moved[:, 1000] += 1
    moved[:, 1001] -= 1
    return moved


def not_a_number(found):
    return np.full_like(found, np.nan)


# Of logs and ledgers.


def log_with(change):
    """Change the log of every life."""
    return lambda trace: replace(trace, log=change(list(trace.log)))


def ledger_with(change, where):
    """Change the entries of the ledger for which `where` is true."""

    def fault(trace):
        ledger = [change(entry) if where(entry) else entry for entry in trace.ledger]
        return replace(trace, ledger=ledger)

    return fault


# Of the question.


def numbers(**changed):
    """Give parameters other values, dots of their names written as two underscores."""
    values = {name.replace("__", "."): value for name, value in changed.items()}
    return lambda question: with_numbers(question, values)


def entry_with(chosen, **changed):
    """Change the first entry of the catalogue that is used and `chosen`."""

    def fault(question):
        name = next(n for n in sorted(question.used) if chosen(question.parameters[n]))
        found = question.parameters[name]
        values = {key: v(found) if callable(v) else v for key, v in changed.items()}
        entry = replace(found, **values)
        return replace(question, parameters={**question.parameters, name: entry})

    return fault


def sources_with(change):
    """Change the sources of the catalogue."""

    def fault(question):
        sources = change(dict(question.catalogue.sources), question)
        catalogue = replace(question.catalogue, sources=sources)
        return replace(question, loaded=replace(question.loaded, catalogue=catalogue))

    return fault


def check_named(group, name):
    """Return the check of a group that a function of this name makes."""
    return next(check for check in group if check.name == name)


def ids(faults):
    """Name each fault by its check and its place in the list."""
    return [f"{name} {number}" for number, (name, _) in enumerate(faults)]
