"""Find patients by their events: ``bridged to HCT and relapsed after``.

A search is a list of claims joined by ``and``. A claim is a word, or ``responded to REGIMEN``;
``not`` before it negates it. ``under STRATEGY`` names the life in which it is to be true, also for
the claims before it that name neither a life nor a regimen; all other claims are to be true in one
and the same life, whichever. ``only`` after ``under STRATEGY`` adds that it is true in no other
life, and after ``responded to REGIMEN`` that no other regimen brought a remission in any of the
lives. ``not under STRATEGY`` repeats the claim before it.

A word is a claim about one life, or about the patient as he or she entered. Words are small
letters; ``-`` and ``_`` count as spaces. `ALIASES` are other ways to say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.engine import reference
from sim.engine.model import Strategy
from sim.errors import UserError, nearest
from sim.simulation.question import Question


class Lived(NamedTuple):
    """A life in the form searched; `is_longest` compares it with those under other strategies."""

    patient: Patient
    regimens: Sequence[str]
    log: Sequence[Event]
    is_longest: bool = False

    def has(self, kind: EventKind, detail: int | None = None) -> bool:
        """Whether an event happened, with a detail where one is given."""
        return any(
            event.kind == kind and (detail is None or event.detail == detail) for event in self.log
        )

    def after(self, first: EventKind, then: EventKind) -> bool:
        """Whether an event happened later than the first of another kind."""
        kinds = [event.kind for event in self.log]
        return first in kinds and then in kinds[kinds.index(first) :]


Claim = Callable[[Lived], bool]


def _happened(kind: EventKind, detail: int | None = None) -> Claim:
    return lambda life: life.has(kind, detail)


def _toxic(kind: Toxicity, grade: int) -> Claim:
    return lambda life: any(
        event.kind == EventKind.TOXICITY and event.detail == kind and event.grade >= grade
        for event in life.log
    )


def _assessed(*, mrd_negative: bool) -> Claim:
    return lambda life: any(
        event.kind in (EventKind.RESPONSE, EventKind.MRD_ASSESSED)
        and bool(event.value) == mrd_negative
        for event in life.log
    )


def _died_in_first_cycle(life: Lived) -> bool:
    kinds = [event.kind for event in life.log]
    assessed = {EventKind.RESPONSE, EventKind.MRD_ASSESSED, EventKind.NO_RESPONSE}
    one_cycle = kinds.count(EventKind.CYCLE_STARTED) == 1
    return kinds[-1] == EventKind.DEATH and one_cycle and assessed.isdisjoint(kinds)


def _relapsed_without_transplant(life: Lived) -> bool:
    return life.has(EventKind.RELAPSE) and not life.has(EventKind.TRANSPLANT)


def _cured(life: Lived) -> bool:
    relapsed = life.after(EventKind.LONG_TERM_SURVIVOR, EventKind.RELAPSE)
    return life.has(EventKind.LONG_TERM_SURVIVOR) and not relapsed


def _treated_again(life: Lived) -> bool:
    return any(event.kind == EventKind.LINE_STARTED and event.line > 0 for event in life.log)


FIRST: Final = 1
"""Any grade: the lowest that the model distinguishes is 1-2."""
WORDS: Final[dict[str, Claim]] = {
    "responded": _happened(EventKind.RESPONSE),  # CR/CRh/CRi in any line
    "refractory": _happened(EventKind.NO_RESPONSE),  # a line brought no remission
    "mrd negative": _assessed(mrd_negative=True),
    "mrd positive": _assessed(mrd_negative=False),
    "transplanted": _happened(EventKind.TRANSPLANT),  # in the remission of any line
    "bridged to hct": _happened(EventKind.TRANSPLANT, 1),  # in continuous remission
    "rescued": _happened(EventKind.TRANSPLANT, 0),  # in a remission of later lines
    "relapsed": _happened(EventKind.RELAPSE),
    "relapsed after transplant": lambda life: life.after(EventKind.TRANSPLANT, EventKind.RELAPSE),
    "relapsed without transplant": _relapsed_without_transplant,  # no allo-HCT at any time
    "lost cd19": _happened(EventKind.CD19_LOSS),
    "treated again": _treated_again,  # a second regimen of the strategy was begun
    "usual care": _happened(EventKind.USUAL_CARE_STARTED),
    "supportive care": _happened(EventKind.SUPPORTIVE_CARE_STARTED),
    "cured": _cured,  # became a long-term survivor and never relapsed after that
    "lived longest": lambda life: life.is_longest,  # longer than under any other strategy
    "died": _happened(EventKind.DEATH),  # before the horizon
    "died in first cycle": _died_in_first_cycle,  # before response was assessed
    "died of leukaemia": _happened(EventKind.DEATH, Cause.LEUKAEMIA),
    "died of treatment": _happened(EventKind.DEATH, Cause.TOXICITY),
    "died of transplant": _happened(EventKind.DEATH, Cause.TRANSPLANT),
    "died in remission": _happened(EventKind.DEATH, Cause.IN_REMISSION),  # not transplanted
    "died of another cause": _happened(EventKind.DEATH, Cause.BACKGROUND),
    "crs": _toxic(Toxicity.CRS, FIRST),
    "severe crs": _toxic(Toxicity.CRS, SEVERE),
    "neurotoxicity": _toxic(Toxicity.NEUROTOXICITY, FIRST),
    "severe neurotoxicity": _toxic(Toxicity.NEUROTOXICITY, SEVERE),
    "seizure": _happened(EventKind.SEIZURE),
    "stopped for toxicity": _happened(EventKind.TREATMENT_STOPPED),  # a regimen, for good
    "vod": _happened(EventKind.TRANSPLANT_VOD),
    "acute gvhd": _happened(EventKind.ACUTE_GVHD),
    "chronic gvhd": _happened(EventKind.CHRONIC_GVHD),
    "woman": lambda life: not life.patient.male,
    "man": lambda life: life.patient.male,
    "earlier hct": lambda life: life.patient.prior_hct,  # before entry
    "primary refractory": lambda life: life.patient.primary_refractory,
    "mrd only": lambda life: life.patient.mrd_only,  # entered in remission with MRD
    "kmt2a": lambda life: life.patient.kmt2a,
    "ph positive": lambda life: life.patient.ph_positive,
}
RESPONDED_TO: Final = "responded to "
"""Followed by a regimen: CR/CRh/CRi in a line of it."""
ALIASES: Final = {
    "no response": "refractory",
    "hct": "transplanted",
    "allo hct": "transplanted",
    "transplant": "transplanted",
    "bridged": "bridged to hct",
    "bridged to transplant": "bridged to hct",
    "relapsed after": "relapsed after transplant",
    "relapsed after hct": "relapsed after transplant",
    "relapsed without hct": "relapsed without transplant",
    "long term survivor": "cured",
    "died of leukemia": "died of leukaemia",
    "died of toxicity": "died of treatment",
    "cytokine release syndrome": "crs",
}


def responded_to(regimen: str) -> Claim:
    """Return the claim that a line of the regimen brought a remission."""

    def holds(life: Lived) -> bool:
        return any(
            event.kind == EventKind.RESPONSE
            and regimen in life.regimens[event.line : event.line + 1]
            for event in life.log
        )

    return holds


OPTION: Final = "--find"
AND: Final = re.compile(r"\s+and\s+", re.IGNORECASE)
CLAUSE: Final = re.compile(
    r"""
    (?P<not>not\b\s*)?
    (?P<claim>.*?)
    (?:\s*\b(?P<only>only))?
    (?:\s*\bunder\s+(?P<strategy>.+?)(?:\s+(?P<only_there>only))?)?
    """,
    re.IGNORECASE | re.VERBOSE,
)

Lives = Mapping[str, Lived]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Clause:
    """One claim of a search.

    Attributes
    ----------
    name
        The word, as in the vocabulary.
    holds
        The claim that is to be true, or false, in a life.
    strategy
        The life; None where that is open.
    regimen
        With a response, where that is the claim.
    """

    name: str
    holds: Claim
    wanted: bool = True
    strategy: str | None = None
    only: bool = False
    regimen: str | None = None

    def __str__(self) -> str:
        there = "" if self.strategy is None else f" under {self.strategy}"
        return f"{'' if self.wanted else 'not '}{self.name}{there}{' only' if self.only else ''}"

    def holds_in(self, life: Lived) -> bool:
        """Whether the claim is true of a life, or false where it is negated."""
        return self.holds(life) == self.wanted

    def holds_of(self, lives: Lives) -> bool:
        """Whether a claim that names its lives is true of a patient."""
        if self.strategy is None:
            others = {name for life in lives.values() for name in life.regimens} - {self.regimen}
            holds = any(map(self.holds, lives.values()))
            elsewhere = any(responded_to(name)(life) for name in others for life in lives.values())
        else:
            holds = self.holds(lives[self.strategy])
            elsewhere = self.only and any(
                self.holds(life) for name, life in lives.items() if name != self.strategy
            )
        return (holds and not elsewhere) == self.wanted


@dataclass(frozen=True, slots=True)
class Search:
    """The claims of a search; as text, each with its full meaning."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        return " and ".join(map(str, self.clauses))

    def matches(self, lives: Lives) -> bool:
        """Whether all claims are true of a patient, with the lives given by strategy."""
        free = [clause for clause in self.clauses if clause.strategy is None and not clause.only]
        bound = [clause for clause in self.clauses if clause not in free]
        return all(clause.holds_of(lives) for clause in bound) and (
            not free
            or any(all(clause.holds_in(life) for clause in free) for life in lives.values())
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The first patients found, the number of patients searched, and the search itself."""

    meaning: str
    patients: tuple[int, ...]
    searched: int


def parse(text: str, question: Question) -> Search:
    """Read a search.

    Raises
    ------
    UserError
        Where a word, a regimen or a strategy is unknown, with the nearest known one.
    """
    parts = [part.strip() for part in AND.split(text.strip())]
    clauses: list[Clause] = []
    for part in parts:
        clause = _clause(part, clauses[-1] if clauses else None, question)
        if clause.strategy is not None:
            clauses = [_there(each, clause.strategy) for each in clauses]
        clauses.append(clause)
    return Search(tuple(clauses))


def _there(clause: Clause, strategy: str) -> Clause:
    is_open = clause.strategy is None and clause.regimen is None
    return replace(clause, strategy=strategy) if is_open else clause


def _clause(text: str, before: Clause | None, question: Question) -> Clause:
    parts = CLAUSE.fullmatch(text)
    if parts is None:
        raise UserError("cannot be read", key=OPTION, value=text)
    wanted = parts["not"] is None
    is_only = bool(parts["only"] or parts["only_there"])
    strategy = None if parts["strategy"] is None else _strategy(parts["strategy"], question)
    if not parts["claim"] and before is not None and strategy is not None:
        return replace(before, wanted=wanted, strategy=strategy, only=is_only)
    name, holds, regimen = _claim(parts["claim"], question)
    if is_only and strategy is None and regimen is None:
        raise UserError(
            "'only' stands after 'under STRATEGY' or 'responded to REGIMEN'", key=OPTION, value=text
        )
    return Clause(name, holds, wanted, strategy, is_only, regimen)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[-_]", " ", text).casefold().split())


def _claim(text: str, question: Question) -> tuple[str, Claim, str | None]:
    plain = _plain(text)
    if plain.startswith(RESPONDED_TO):
        regimen = _named(
            plain.removeprefix(RESPONDED_TO),
            {name: name for name in question.scenario.regimens},
            "no regimen of the scenario",
        )
        return f"{RESPONDED_TO}{regimen}", responded_to(regimen), regimen
    name = ALIASES.get(plain, plain)
    if name not in WORDS:
        raise _unknown("is no word of the search", text, [*WORDS, "responded to REGIMEN"])
    return name, WORDS[name], None


def _strategy(text: str, question: Question) -> str:
    names = {plan.shown_name: plan.name for plan in question.scenario.strategies}
    names |= {plan.name: plan.name for plan in question.scenario.strategies}
    return _named(text, names, "no strategy of the scenario")


def _named(text: str, names: Mapping[str, str], problem: str) -> str:
    """Return the name in the text, in any spelling of capitals, spaces and hyphens."""
    found = {_plain(name): meant for name, meant in names.items()}
    if _plain(text) not in found:
        raise _unknown(f"is {problem}", text, sorted(set(names.values())))
    return found[_plain(text)]


def _unknown(problem: str, text: str, allowed: Sequence[str]) -> UserError:
    """Name the nearest allowed word and list all: a user cannot guess the rest."""
    close = nearest(_plain(text), allowed)
    meant = f"; did you mean '{close}'?" if close is not None else "."
    return UserError(f"'{text}' {problem}{meant} Allowed: {', '.join(allowed)}", key=OPTION)


def find(
    question: Question, search: Search, *, first: int, progress: Progress = lambda _: None
) -> Found:
    """Search the patients of the question, until the `first` few are found."""
    strategies = question.model.strategies
    simulated = [
        reference.simulate(question.model, strategy, seed=question.seed, patients=question.patients)
        for strategy in strategies
    ]
    found: list[int] = []
    searched = 0
    for number, lived in enumerate(zip(*simulated, strict=True)):
        searched = number + 1
        progress(1)
        if search.matches(lives_of(strategies, lived)):
            found.append(number)
            if len(found) == first:
                break
    return Found(str(search), tuple(found), searched)


def lives_of(
    strategies: Sequence[Strategy], lived: Sequence[tuple[Patient, Sequence[Event]]]
) -> dict[str, Lived]:
    """Convert the lives of one patient to the form in which they are searched."""
    ends = [log[-1].time_days for _, log in lived]
    return {
        strategy.name: Lived(
            patient,
            tuple(regimen.name for regimen in strategy.regimens),
            log,
            ends.count(max(ends)) == 1 and log[-1].time_days == max(ends),
        )
        for strategy, (patient, log) in zip(strategies, lived, strict=True)
    }
