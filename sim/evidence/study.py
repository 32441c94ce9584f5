"""A study of the register: its words, its arms, and every endpoint with its precision and place.

Values are as printed: per cents from 0 to 100, times in months. Nothing is converted: ``"43.9"`` is
not a number. The precision of a share is on the logit scale, that of a median time or a ratio on the
log scale, where their sampling distributions are near to normal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from sim.clinic.units import PERCENT
from sim.files.schema import Part, broken_rule

Kind = Literal["percent", "months", "ratio", "difference", "amount"]
"""An amount is a number in a unit of its own, such as a number of cycles or a dose."""

OTHER_ENDPOINT: Final = "other."
"""Start of the name of an endpoint that has no word of its own; it needs a definition."""

OTHER_BASELINE: Final = "other_"
"""Start of the name of a baseline characteristic that has no word of its own."""

LANDMARKS: Final = ("os_percent", "rfs_percent", "efs_percent", "pfs_percent")
"""Survival at a time: estimated from a curve with censoring, not a share of the patients."""

TOXICITIES: Final = (
    "crs_any",
    "crs_severe",
    "neurotoxicity_any",
    "neurotoxicity_severe",
    "hepatotoxicity_severe",
    "infection_severe",
    "febrile_neutropenia_severe",
    "discontinued_for_toxicity",
    "interrupted_for_toxicity",
)
"""Endpoints that are toxicities of treatment, or follow from them."""

SHARES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "response": ((), "response"),
    "complete_remission": ((), "complete_remission"),
    "mrd_negative_of_all": ((), "mrd_negative"),
    "mrd_negative_of_responders": (("response",), "mrd_negative"),
    "mrd_response": (("mrd_only",), "mrd_negative"),
    "hct_ever": ((), "hct_ever"),
    "hct_in_remission": ((), "hct_in_remission"),
    "hct_of_responders": (("response",), "hct_in_remission"),
    "response_in_first_cycle": (("response",), "response_in_first_cycle"),
    "third_cycle": ((), "third_cycle"),
    "sixth_cycle": ((), "sixth_cycle"),
    "crs_any": ((), "crs_any"),
    "crs_severe": ((), "severe_crs"),
    "neurotoxicity_any": ((), "neurotoxicity_any"),
    "neurotoxicity_severe": ((), "severe_neurotoxicity"),
    "hepatotoxicity_severe": ((), "severe_hepatotoxicity"),
    "infection_severe": ((), "severe_infection"),
    "febrile_neutropenia_severe": ((), "severe_febrile_neutropenia"),
    "discontinued_for_toxicity": ((), "stopped_for_toxicity"),
    "interrupted_for_toxicity": ((), "interrupted"),
    "vod": ((), "vod"),
    "acute_gvhd": ((), "acute_gvhd"),
    "chronic_gvhd": ((), "chronic_gvhd"),
    "cd19_negative": (("failed",), "cd19_lost"),
    "next_line_percent": ((), "next_line"),
}
"""Words of a share of the patients: what they have in common, and what is counted among them."""

_PERCENTS: Final = (
    *SHARES,
    *LANDMARKS,
    "nrm_100_days_percent",
    "nrm_percent",
    "relapse_percent",
    "death_percent",
    "cytopenia_severe",
)
_TIMES: Final = ("os", "rfs", "efs", "pfs", "dor", "time_to_hct")
_RATIOS: Final = (
    "os_hazard_ratio",
    "rfs_hazard_ratio",
    "efs_hazard_ratio",
    "hct_hazard_ratio",
    "response_odds_ratio",
)
_AMOUNTS: Final = ("cycles_median",)

ENDPOINTS: Final[dict[str, Kind]] = {
    **dict.fromkeys(_PERCENTS, "percent"),
    **{f"{time}_median_months": "months" for time in _TIMES},
    **dict.fromkeys(_RATIOS, "ratio"),
    **dict.fromkeys(_AMOUNTS, "amount"),
}
"""Every endpoint that has a word of its own, and the kind of number that it is."""

_OTHER_KINDS: Final[dict[str, Kind]] = {
    "_median_months": "months",
    "_ratio": "ratio",
    "_difference": "difference",
    "_median": "amount",
    "_median_days": "amount",
    "_years": "amount",
    "_per_day": "amount",
    "_per_year": "amount",
    "_per_stay": "amount",
    "_per_patient": "amount",
}

BASELINE: Final = (
    "age_median_years",
    "age_low_years",
    "age_high_years",
    "male_percent",
    "ph_positive_percent",
    "prior_hct_percent",
    "first_salvage_percent",
    "second_salvage_percent",
    "later_salvage_percent",
    "primary_refractory_percent",
    "high_blasts_percent",
    "extramedullary_percent",
    "cns_percent",
    "kmt2a_percent",
    "mrd_only_percent",
    "prior_blinatumomab_percent",
    "prior_inotuzumab_percent",
    "tki_percent",
    "follow_up_median_months",
    "first_remission_short_percent",
)
"""Baseline characteristics that have a word of their own."""


def kind_of(endpoint: str) -> Kind:
    """Return the kind of number of `endpoint`.

    For `OTHER_ENDPOINT` the name's end decides, such as ``_ratio``; else it is a per cent.
    """
    if endpoint in ENDPOINTS:
        return ENDPOINTS[endpoint]
    for end, kind in _OTHER_KINDS.items():
        if endpoint.endswith(end):
            return kind
    return "percent"


CONTINUITY: Final = 0.5
"""Patients added to both outcomes when one of them is empty (Haldane 1955, Anscombe 1956)."""

Interval = tuple[float | None, float | None]
"""Low and high end; an end that was not reached or not estimable is None."""

Scale = Callable[[float], float]
"""A transform of a number to one whose sampling distribution is near to normal."""


def exact_interval(events: int, n: int, level: float) -> tuple[float, float]:
    r"""Return the Clopper-Pearson interval of `events` out of `n`, in per cent.

    .. math:: B^{-1}(\alpha/2;\ x,\ n-x+1), \quad B^{-1}(1-\alpha/2;\ x+1,\ n-x)

    with `level` :math:`= 100 (1-\alpha)` in per cent. Clopper and Pearson, Biometrika
    1934;26:404-413; it is the interval that the trials of this field print.
    """
    from scipy.special import betaincinv

    tail = (1 - level / PERCENT) / 2
    low = betaincinv(events, n - events + 1, tail) if events else 0.0
    high = betaincinv(events + 1, n - events, 1 - tail) if events < n else 1.0
    return PERCENT * float(low), PERCENT * float(high)


def logit_error(events: float, n: int) -> float:
    r"""Return the standard error of the logit of `events` out of `n`.

    .. math:: \sqrt{1/x + 1/(n-x)}

    with `CONTINUITY` added to both where one is 0. `events` need not be whole: it may be a
    printed per cent of `n`.
    """
    failures = n - events
    if min(events, failures) <= 0:
        events, failures = events + CONTINUITY, failures + CONTINUITY
    return math.sqrt(1 / events + 1 / failures)


def error_of_interval(value: float, interval: Interval, level: float, scale: Scale) -> float | None:
    r"""Return the standard error behind a normal interval on `scale`.

    .. math:: (g(high) - g(low)) / 2z

    Where only one end is finite on the scale, the distance between it and the value, over z;
    None where there is no such distance.
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + level / PERCENT) / 2))
    known = [scale(end) for end in interval if end is not None]
    ends = [end for end in known if math.isfinite(end)]
    middle = scale(value)
    if len(ends) == len(interval):
        return (ends[1] - ends[0]) / (2 * z)
    if ends and math.isfinite(middle) and ends[0] != middle:
        return abs(ends[0] - middle) / z
    return None


def log(value: float) -> float:
    """Return the logarithm of a time or ratio, minus infinity at 0."""
    return math.log(value) if value > 0 else -math.inf


def logit(percent: float) -> float:
    """Return the log odds of a per cent, infinite at 0 and 100."""
    if not 0 < percent < PERCENT:
        return math.copysign(math.inf, percent - PERCENT / 2)
    return math.log(percent / (PERCENT - percent))


def unchanged(value: float) -> float:
    """Return a difference as it is."""
    return value


LOWEST_LEVEL: Final = 50.0
USUAL_LEVEL: Final = 95.0
"""Per cent of an interval that is computed because none was printed."""

SCALES: Final[dict[Kind, Scale]] = {
    "percent": logit,
    "months": log,
    "ratio": log,
    "difference": unchanged,
    "amount": log,
}
"""The scale of the standard error of each kind of number."""

NO_SHARE: Final = "must be in per cent, from 0 to 100; this looks like a share from 0 to 1"
HALF_A_PATIENT: Final = 0.5

_ENDS: Final = 2
_ARM_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_ENDPOINT_NAME: Final = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")


def _endpoint(word: str) -> str:
    if word not in ENDPOINTS and not word.startswith(OTHER_ENDPOINT):
        problem = f"is no endpoint, and does not start with '{OTHER_ENDPOINT}'"
        raise broken_rule((), problem, word, tuple(ENDPOINTS))
    return word


def _interval(ends: Any) -> Interval:  # noqa: ANN401
    """Accept a pair of numbers, each of which may be null."""
    if not isinstance(ends, list) or len(ends) != _ENDS:
        raise PydanticCustomError("interval", "must be [low, high], null where not reached")
    if any(isinstance(end, bool) or not isinstance(end, int | float | None) for end in ends):
        raise PydanticCustomError("interval", "must hold numbers, null where not reached")
    low, high = ends
    if low is not None and high is not None and not low <= high:
        raise PydanticCustomError("interval", "must be [low, high] with low not above high")
    return low, high


def _one_line(text: str) -> str:
    if "\n" in text.strip():
        raise PydanticCustomError("one_line", "must be one line")
    return text


def _baseline(values: Mapping[str, float]) -> Mapping[str, float]:
    for name, value in values.items():
        if name not in BASELINE and not name.startswith(OTHER_BASELINE):
            problem = f"unknown key, and it does not start with '{OTHER_BASELINE}'"
            raise broken_rule((name,), problem, name, BASELINE)
        if name.endswith("_percent") and not 0 <= value <= PERCENT:
            raise broken_rule((name,), "must be from 0 to 100", value)
    return values


def looks_like_a_share(value: float, n: int | None, events: int | None = None) -> bool:
    """Return whether a per cent of `n` patients must be meant as a share, 0.44 for 44 %.

    It is one where the counts give the share and not the per cent, or where it is less than
    half of one patient.
    """
    if not 0.0 < value <= 1.0 or n is None:
        return False
    if events is not None:
        return abs(value - events / n) < abs(value - PERCENT * events / n)
    return value * n < HALF_A_PATIENT * PERCENT


Text = Annotated[str, Field(min_length=1)]
Role = Literal["fit", "held_out", "described"]
Word = Annotated[str, AfterValidator(_endpoint)]
PrintedInterval = Annotated[Interval, PlainValidator(_interval)]
Level = Annotated[float, Field(gt=LOWEST_LEVEL, lt=PERCENT)]
Quote = Annotated[Text, AfterValidator(_one_line)]
Baseline = Annotated[Mapping[str, float], AfterValidator(_baseline)]


class Arm(Part):
    """Patients who were treated alike, their number if published, and their characteristics."""

    label: Text
    n: Annotated[int, Field(ge=1)] | None = None
    treatment: Text
    baseline: Baseline = Field(default_factory=dict)

    @model_validator(mode="after")
    def _per_cents_are_no_shares(self) -> Self:
        for name, value in self.baseline.items():
            if name in BASELINE and name.endswith("_percent") and looks_like_a_share(value, self.n):
                raise broken_rule(("baseline", name), NO_SHARE, value)
        return self


class Endpoint(Part):
    """One published number: its patients, meaning, precision, place and role.

    `value` is None for a median that was not reached, which was then longer than `beyond_months`.
    `among` names the characteristics that the patients have in common; a ratio that is not against
    another arm is against those with the characteristics `against_among`, by default all others.
    `role` says whether the model is fitted to the endpoint, judged by it, or neither; a median that
    was not reached may only be judged by.
    """

    arm: str
    endpoint: Word
    subset: Text | None = None
    definition: Text | None = None
    among: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    time_origin: Text | None = Field(default=None, alias="from")
    censored_at: Literal["transplant"] | None = None
    against: Text | None = None
    against_among: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    beyond_months: Annotated[float, Field(gt=0)] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    events: Annotated[int, Field(ge=0)] | None = None
    value: float | None = None
    interval: PrintedInterval | None = None
    level: Level | None = None
    at_months: Annotated[float, Field(gt=0)] | None = None
    source: str
    place: Text
    quote: Quote | None = None
    contradiction: Text | None = None
    chosen: Text | None = None
    printed_exception: Text | None = None
    note: Text | None = None
    role: Role
    why: str

    @property
    def kind(self) -> Kind:
        """The kind of number that the value is."""
        return kind_of(self.endpoint)

    @property
    def percent(self) -> float | None:
        """The per cent that the counts give, whatever was printed."""
        if self.events is None or self.n is None:
            return None
        return PERCENT * self.events / self.n

    @property
    def best(self) -> float | None:
        """The value as printed, or from the counts when only these were printed."""
        return self.percent if self.value is None else self.value

    @property
    def known_interval(self) -> Interval | None:
        """The interval as printed, else the exact 95 % interval of a share from its counts."""
        if self.interval is not None:
            return self.interval
        if self.kind != "percent" or self.events is None or self.n is None:
            return None
        return exact_interval(self.events, self.n, USUAL_LEVEL)

    @property
    def standard_error(self) -> float | None:
        """Standard error on the scale of the kind: logit of a per cent, log, or as it is.

        From the counts for a share; from the printed interval for a landmark of a curve, a median
        or a ratio. A per cent with neither is taken for a share of `n`, which for a landmark is a
        lower bound of the error. None where none of these is known.
        """
        if self.best is None:
            return None
        if self.kind != "percent":
            return self._interval_error(self.best)
        if self.endpoint not in LANDMARKS and self.events is not None and self.n is not None:
            return logit_error(self.events, self.n)
        error = self._interval_error(self.best)
        if error is None and self.n is not None:
            return logit_error(self.best / PERCENT * self.n, self.n)
        return error

    def _interval_error(self, value: float) -> float | None:
        if self.interval is None or self.level is None:
            return None
        return error_of_interval(value, self.interval, self.level, SCALES[self.kind])

    @model_validator(mode="after")
    def _numbers_are_possible(self) -> Self:
        if "value" not in self.model_fields_set and self.percent is None:
            raise broken_rule(("value",), "is required: a number, or null when not reached", None)
        if self.value is None and self.percent is None and self.kind != "months":
            raise broken_rule(("value",), "is needed, or 'events' and 'n'", None)
        written = (self.value, *(self.interval or ()))
        for key, number in zip(("value", "interval", "interval"), written, strict=False):
            if number is not None and not self._possible(number):
                allowed = "from 0 to 100" if self.kind == "percent" else "not negative"
                raise broken_rule((key,), f"must be {allowed} in '{self.endpoint}'", number)
        value = self.value if self.kind == "percent" else None
        if value is not None and looks_like_a_share(value, self.n, self.events):
            raise broken_rule(("value",), NO_SHARE, value)
        if self.events is not None and (self.n is None or self.events > self.n):
            raise broken_rule(("events",), "needs an 'n' that is at least as large", self.events)
        if (self.interval is None) != (self.level is None):
            raise broken_rule(("level",), "goes with 'interval', in per cent", self.level)
        return self

    def _possible(self, number: float) -> bool:
        if self.kind == "difference":
            return True
        return 0 <= number <= PERCENT if self.kind == "percent" else number >= 0

    @model_validator(mode="after")
    def _words_go_together(self) -> Self:
        if self.endpoint in LANDMARKS and self.at_months is None:
            raise broken_rule(("at_months",), f"is required by '{self.endpoint}'", None)
        if self.at_months is not None and self.kind != "percent":
            raise broken_rule(("at_months",), "is only for per cents at a time", self.at_months)
        compared = self.kind in ("ratio", "difference")
        if compared != (self.against is not None):
            problem = (
                "names the reference of a ratio or difference; these need it, others have none"
            )
            raise broken_rule(("against",), problem, self.against)
        if self.definition is None and self.endpoint.startswith(OTHER_ENDPOINT):
            raise broken_rule(("definition",), f"is required by '{self.endpoint}'", None)
        disputed = (self.quote, self.contradiction, self.chosen)
        if any(disputed) and not all(disputed):
            key = ("quote", "contradiction", "chosen")[disputed.index(None)]
            problem = "is missing: 'quote', 'contradiction' and 'chosen' go together"
            raise broken_rule((key,), problem, None)
        return self

    @model_validator(mode="after")
    def _use_has_a_reason(self) -> Self:
        if self.role == "described":
            return self
        if not self.why.strip():
            raise broken_rule(("why",), f"must say the reason of the role '{self.role}'", self.why)
        if self.role == "fit" and self.best is None:
            problem = "must not be 'fit' for a median that was not reached: it has no likelihood"
            raise broken_rule(("role",), problem, self.role)
        if self.n is None and self.interval is None:
            raise broken_rule(("role",), "needs an 'n' or an 'interval' to be weighed", self.role)
        return self


class Study(Part):
    """The publication of one study; `study` is its title."""

    study: Text
    design: Text
    patients: Text
    sources: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    overlaps: Mapping[str, Text] = Field(default_factory=dict)
    arms: Annotated[Mapping[str, Arm], Field(min_length=1)]
    endpoints: Annotated[Mapping[str, Endpoint], Field(min_length=1)]

    @model_validator(mode="after")
    def _arms_have_names(self) -> Self:
        for name in self.arms:
            if _ARM_NAME.fullmatch(name) is None:
                raise broken_rule(("arms", name), "must be of a-z, 0-9 and _", name)
        return self

    @model_validator(mode="after")
    def _endpoints_have_arms_and_names(self) -> Self:
        for name, endpoint in self.endpoints.items():
            path = ("endpoints", name)
            if endpoint.arm not in self.arms:
                raise broken_rule((*path, "arm"), "no such arm", endpoint.arm, tuple(self.arms))
            start = f"{endpoint.arm}.{endpoint.endpoint}"
            if _ENDPOINT_NAME.fullmatch(name) is None or not f"{name}.".startswith(f"{start}."):
                problem = f"must be '{start}', or start with it and a dot; of a-z, 0-9, _ and dots"
                raise broken_rule(path, problem, name)
            if endpoint.source not in self.sources:
                problem = "is not among the sources of the study"
                raise broken_rule((*path, "source"), problem, endpoint.source, self.sources)
        return self
