"""The words by which patients are found: what each says of a life.

A word is a claim about one life, or about the patient as he or she entered. Words are small
letters; ``-`` and ``_`` count as spaces. `ALIASES` are other ways to say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sim.clinic.events import EVENTS, Cause, Event, Happening
from sim.clinic.patient import Patient
from sim.clinic.toxicity import SEVERE, Toxicity


class Lived(NamedTuple):
    """A life as it is searched; `is_longest` compares it with those under other strategies."""

    patient: Patient
    regimens: Sequence[str]
    log: Sequence[Event]
    is_longest: bool = False

    def has(self, kind: Happening, detail: int | None = None) -> bool:
        """Whether something happened, with a detail where one is given."""
        return any(
            event.kind == kind and (detail is None or event.detail == detail) for event in self.log
        )

    def after(self, first: Happening, then: Happening) -> bool:
        """Whether something happened later than the first of another kind."""
        kinds = [event.kind for event in self.log]
        return first in kinds and then in kinds[kinds.index(first) :]


Claim = Callable[[Lived], bool]


class Word(NamedTuple):
    """What a word means, in a sentence and as a test."""

    meaning: str
    holds: Claim


def _happened(kind: Happening, detail: int | None = None) -> Claim:
    return lambda life: life.has(kind, detail)


def _named(kind: Happening) -> Word:
    """Return the word for an event that is called the same in the log."""
    return Word(EVENTS[kind].word, _happened(kind))


def _dies(cause: Cause) -> Claim:
    return _happened(Happening.DEATH, cause)


def _toxic(kind: Toxicity, grade: int) -> Claim:
    return lambda life: any(
        event.kind == Happening.TOXICITY and event.detail == kind and event.grade >= grade
        for event in life.log
    )


def _responded(life: Lived, *, mrd_negative: bool) -> bool:
    return any(
        event.kind in (Happening.RESPONSE, Happening.MRD_ASSESSED)
        and bool(event.value) == mrd_negative
        for event in life.log
    )


def _died_in_first_cycle(life: Lived) -> bool:
    kinds = [event.kind for event in life.log]
    return (
        kinds[-1] == Happening.DEATH
        and kinds.count(Happening.CYCLE_STARTED) == 1
        and Happening.RESPONSE not in kinds
        and Happening.MRD_ASSESSED not in kinds
        and Happening.NO_RESPONSE not in kinds
    )


def _relapsed_without_transplant(life: Lived) -> bool:
    return life.has(Happening.RELAPSE) and not life.has(Happening.TRANSPLANT)


def _cured(life: Lived) -> bool:
    return life.has(Happening.LONG_TERM_SURVIVOR) and not life.after(
        Happening.LONG_TERM_SURVIVOR, Happening.RELAPSE
    )


def _treated_again(life: Lived) -> bool:
    return any(event.kind == Happening.LINE_STARTED and event.line > 0 for event in life.log)


FIRST: Final = 1
"""Any grade: the lowest that the model tells apart is 1-2."""
WORDS: Final[dict[str, Word]] = {
    "responded": Word("CR/CRh/CRi in any line", _happened(Happening.RESPONSE)),
    "refractory": Word("a line brought no remission", _happened(Happening.NO_RESPONSE)),
    "mrd negative": Word(
        "a remission without MRD", lambda life: _responded(life, mrd_negative=True)
    ),
    "mrd positive": Word("a remission with MRD", lambda life: _responded(life, mrd_negative=False)),
    "transplanted": Word("allo-HCT, in remission or after rescue", _happened(Happening.TRANSPLANT)),
    "bridged to hct": Word("allo-HCT in continuous remission", _happened(Happening.TRANSPLANT, 1)),
    "rescued": Word("allo-HCT in a remission of later lines", _happened(Happening.TRANSPLANT, 0)),
    "relapsed": Word("a relapse", _happened(Happening.RELAPSE)),
    "relapsed after transplant": Word(
        "a relapse after allo-HCT",
        lambda life: life.after(Happening.TRANSPLANT, Happening.RELAPSE),
    ),
    "relapsed without transplant": Word(
        "a relapse, and no allo-HCT at any time", _relapsed_without_transplant
    ),
    "lost cd19": Word("the leukaemia lost CD19", _happened(Happening.CD19_LOSS)),
    "treated again": Word("a second regimen of the strategy was begun", _treated_again),
    "usual care": Word("usual care was begun", _happened(Happening.USUAL_CARE_STARTED)),
    "supportive care": Word(
        "supportive care was begun", _happened(Happening.SUPPORTIVE_CARE_STARTED)
    ),
    "cured": Word("became a long-term survivor and never relapsed after that", _cured),
    "lived longest": Word(
        "lived longer than under any other strategy", lambda life: life.is_longest
    ),
    "died": Word("died before the horizon", _happened(Happening.DEATH)),
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
    "seizure": Word("a seizure", _happened(Happening.SEIZURE)),
    "stopped for toxicity": Word(
        "toxicity ended a regimen for good", _happened(Happening.TREATMENT_STOPPED)
    ),
    "vod": Word("VOD after allo-HCT", _happened(Happening.TRANSPLANT_VOD)),
    "acute gvhd": _named(Happening.ACUTE_GVHD),
    "chronic gvhd": _named(Happening.CHRONIC_GVHD),
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
            event.kind == Happening.RESPONSE and life.regimens[event.line] == regimen
            for event in life.log
        )

    return holds
