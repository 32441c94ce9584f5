"""The words by which patients are found: each with its claim about a life.

A word is a claim about one life, or about the patient as he or she entered. Words are small
letters; ``-`` and ``_`` count as spaces. `ALIASES` are other ways to say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sim.clinic.events import EVENTS, Cause, Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.toxicity import SEVERE, Toxicity


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


class Word(NamedTuple):
    """The meaning of a word, in a sentence and as a test."""

    meaning: str
    holds: Claim


def _happened(kind: EventKind, detail: int | None = None) -> Claim:
    return lambda life: life.has(kind, detail)


def _named(kind: EventKind) -> Word:
    """Return the word for an event with the same name in the log."""
    return Word(EVENTS[kind].word, _happened(kind))


def _dies(cause: Cause) -> Claim:
    return _happened(EventKind.DEATH, cause)


def _toxic(kind: Toxicity, grade: int) -> Claim:
    return lambda life: any(
        event.kind == EventKind.TOXICITY and event.detail == kind and event.grade >= grade
        for event in life.log
    )


def _responded(life: Lived, *, mrd_negative: bool) -> bool:
    return any(
        event.kind in (EventKind.RESPONSE, EventKind.MRD_ASSESSED)
        and bool(event.value) == mrd_negative
        for event in life.log
    )


def _died_in_first_cycle(life: Lived) -> bool:
    kinds = [event.kind for event in life.log]
    return (
        kinds[-1] == EventKind.DEATH
        and kinds.count(EventKind.CYCLE_STARTED) == 1
        and EventKind.RESPONSE not in kinds
        and EventKind.MRD_ASSESSED not in kinds
        and EventKind.NO_RESPONSE not in kinds
    )


def _relapsed_without_transplant(life: Lived) -> bool:
    return life.has(EventKind.RELAPSE) and not life.has(EventKind.TRANSPLANT)


def _cured(life: Lived) -> bool:
    return life.has(EventKind.LONG_TERM_SURVIVOR) and not life.after(
        EventKind.LONG_TERM_SURVIVOR, EventKind.RELAPSE
    )


def _treated_again(life: Lived) -> bool:
    return any(event.kind == EventKind.LINE_STARTED and event.line > 0 for event in life.log)


FIRST: Final = 1
"""Any grade: the lowest that the model distinguishes is 1-2."""
WORDS: Final[dict[str, Word]] = {
    "responded": Word("CR/CRh/CRi in any line", _happened(EventKind.RESPONSE)),
    "refractory": Word("a line brought no remission", _happened(EventKind.NO_RESPONSE)),
    "mrd negative": Word(
        "a remission without MRD", lambda life: _responded(life, mrd_negative=True)
    ),
    "mrd positive": Word("a remission with MRD", lambda life: _responded(life, mrd_negative=False)),
    "transplanted": Word("allo-HCT, in remission or after rescue", _happened(EventKind.TRANSPLANT)),
    "bridged to hct": Word("allo-HCT in continuous remission", _happened(EventKind.TRANSPLANT, 1)),
    "rescued": Word("allo-HCT in a remission of later lines", _happened(EventKind.TRANSPLANT, 0)),
    "relapsed": Word("a relapse", _happened(EventKind.RELAPSE)),
    "relapsed after transplant": Word(
        "a relapse after allo-HCT",
        lambda life: life.after(EventKind.TRANSPLANT, EventKind.RELAPSE),
    ),
    "relapsed without transplant": Word(
        "a relapse, and no allo-HCT at any time", _relapsed_without_transplant
    ),
    "lost cd19": Word("the leukaemia lost CD19", _happened(EventKind.CD19_LOSS)),
    "treated again": Word("a second regimen of the strategy was begun", _treated_again),
    "usual care": Word("usual care was begun", _happened(EventKind.USUAL_CARE_STARTED)),
    "supportive care": Word(
        "supportive care was begun", _happened(EventKind.SUPPORTIVE_CARE_STARTED)
    ),
    "cured": Word("became a long-term survivor and never relapsed after that", _cured),
    "lived longest": Word(
        "lived longer than under any other strategy", lambda life: life.is_longest
    ),
    "died": Word("died before the horizon", _happened(EventKind.DEATH)),
    "died in first cycle": Word(
        "died with one cycle begun, before response was assessed", _died_in_first_cycle
    ),
    "died of leukaemia": Word("death of leukaemia", _dies(Cause.LEUKAEMIA)),
    "died of treatment": Word("death of toxicity", _dies(Cause.TOXICITY)),
    "died of transplant": Word("death of the transplant", _dies(Cause.TRANSPLANT)),
    "died in remission": Word("death in remission, not transplanted", _dies(Cause.IN_REMISSION)),
    "died of another cause": Word("death in the background", _dies(Cause.BACKGROUND)),
    "crs": Word("CRS of any grade", _toxic(Toxicity.CRS, FIRST)),
    "severe crs": Word("CRS of grade 3 or more", _toxic(Toxicity.CRS, SEVERE)),
    "neurotoxicity": Word("neurotoxicity of any grade", _toxic(Toxicity.NEUROTOXICITY, FIRST)),
    "severe neurotoxicity": Word(
        "neurotoxicity of grade 3 or more", _toxic(Toxicity.NEUROTOXICITY, SEVERE)
    ),
    "seizure": Word("a seizure", _happened(EventKind.SEIZURE)),
    "stopped for toxicity": Word(
        "toxicity ended a regimen for good", _happened(EventKind.TREATMENT_STOPPED)
    ),
    "vod": Word("VOD after allo-HCT", _happened(EventKind.TRANSPLANT_VOD)),
    "acute gvhd": _named(EventKind.ACUTE_GVHD),
    "chronic gvhd": _named(EventKind.CHRONIC_GVHD),
    "woman": Word("a woman", lambda life: not life.patient.male),
    "man": Word("a man", lambda life: life.patient.male),
    "earlier hct": Word("allo-HCT before entry", lambda life: life.patient.prior_hct),
    "primary refractory": Word(
        "never in remission before entry", lambda life: life.patient.primary_refractory
    ),
    "mrd only": Word("entered in remission with MRD", lambda life: life.patient.mrd_only),
    "kmt2a": Word("KMT2A-rearranged", lambda life: life.patient.kmt2a),
    "ph positive": Word("Ph-positive", lambda life: life.patient.ph_positive),
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
            event.kind == EventKind.RESPONSE and life.regimens[event.line] == regimen
            for event in life.log
        )

    return holds
