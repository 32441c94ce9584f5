"""The scenario: one question, and every choice that is needed to answer it.

``None`` means the value of the perspective.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, TypeVar, get_args

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sim.catalog.parameter import OwnValue
from sim.files.schema import Described, broken_rule
from sim.limits import LARGEST_AMOUNT, LARGEST_SEED, MOST_PATIENTS
from sim.scenario.agreement import Agreement, Name
from sim.scenario.patient_columns import COLUMNS

if TYPE_CHECKING:
    from sim.scenario.own_patients import OwnPatients

LONGEST_HORIZON_YEARS: Final = 100
MOST_STRATEGIES: Final = 20
MOST_REGIMENS: Final = 6
MOST_PLACES: Final = 10_000
LIFETIME: Final = "lifetime"
EARLIEST_YEAR: Final = 1900
LATEST_YEAR: Final = 2200
MOST_BUDGET_YEARS: Final = 20
ROUNDING: Final = 1e-9
"""Of a sum of shares."""
WHAT_IFS: Final = "what_ifs"

Setting = Literal["trial", "real_world"]
StudyEffect = Literal["average", "new"]
"""Whether results are for the average of all studies, or predict one to come."""
LaterCare = Literal["usual_care", "supportive_care"]
Queue = Literal[
    "first_come", "mrd_negative_first", "mrd_positive_first", "earlier_line_first", "younger_first"
]
RelapseDistribution = Literal["lognormal", "weibull"]
_Value = TypeVar("_Value")
LATER_CARE: Final[tuple[str, ...]] = get_args(LaterCare)


def repeated(values: Sequence[_Value]) -> Iterator[tuple[int, int, _Value]]:
    """Yield place, first place and value of every value that repeats an earlier one."""
    for position, value in enumerate(values):
        first = values.index(value)
        if first < position:
            yield position, first, value


def _horizon(value: Any) -> object:  # noqa: ANN401
    """Accept the word for a whole life or a number of years, and nothing else."""
    if value == LIFETIME:
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 < value <= LONGEST_HORIZON_YEARS:
        return float(value)
    problem = "must be 'lifetime' or a number of years above 0 and at most {most}"
    raise PydanticCustomError("horizon", problem, {"most": LONGEST_HORIZON_YEARS})


_Number = Annotated[int, Field(ge=1, le=MOST_PATIENTS)]
_NUMBER: Final = TypeAdapter(_Number, config=ConfigDict(strict=True))


class PatientsFile(Described):
    """The user's own patients: a file with one row each, repeated in order to reach the `number`.

    Without a `number` every row is one patient.
    """

    file: Annotated[str, Field(min_length=1)]
    """CSV or Parquet, one row a patient; relative to the file that names it."""
    number: _Number | None = None
    """How many patients to simulate: the rows are repeated in order. By default each row once."""


def _patients(value: Any) -> int | PatientsFile:  # noqa: ANN401
    """Accept a number of patients, or the file that holds them."""
    if isinstance(value, Mapping):
        return PatientsFile.model_validate(value)
    return _NUMBER.validate_python(value)


Rate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Threshold = Annotated[float, Field(gt=0, le=LARGEST_AMOUNT)]
Patients = Annotated[
    int | PatientsFile,
    PlainSerializer(lambda given: given if isinstance(given, int) else given.model_dump()),
    PlainValidator(_patients, json_schema_input_type=_Number | PatientsFile),
]
Bounds = Annotated[
    tuple[Annotated[float, Field(strict=True)], ...], Field(min_length=1, strict=False)
]
_BOUNDS: Final = TypeAdapter(Bounds, config=ConfigDict(strict=True, allow_inf_nan=False))


def _bands(value: Any) -> Literal[True] | tuple[float, ...]:  # noqa: ANN401
    """Accept the word true, or the bounds of bands."""
    return True if value is True else _BOUNDS.validate_python(value)


Bands = Annotated[
    Literal[True] | tuple[float, ...],
    PlainSerializer(lambda bounds: bounds if bounds is True else list(bounds)),
    PlainValidator(_bands, json_schema_input_type=Literal[True] | Bounds),
]
_Years = Annotated[float, Field(gt=0, le=LONGEST_HORIZON_YEARS)]


def _plain_yearly(values: tuple[float, ...]) -> Any:  # noqa: ANN401
    return values[0] if len(values) == 1 else list(values)


_Yearly = Annotated[tuple[NotNegative, ...], Field(min_length=1, strict=False)]
Yearly = Annotated[
    _Yearly,
    PlainSerializer(_plain_yearly, return_type=Any),
    BeforeValidator(
        lambda value: value if isinstance(value, list | tuple) else [value],
        json_schema_input_type=NotNegative | _Yearly,
    ),
]
"""One number for all years, or one for each."""
Horizon = Annotated[
    float | Literal["lifetime"],
    PlainValidator(_horizon, json_schema_input_type=_Years | Literal["lifetime"]),
]


class Strategy(Described):
    """A sequence of regimens, one line of treatment each, and the care after the last."""

    name: Name
    """How commands and files name the strategy."""
    label: Name | None = None
    """How tables and figures show it."""
    sequence: Annotated[tuple[str, ...], Field(max_length=MOST_REGIMENS, strict=False)]
    """Regimens in order, a line of treatment each: the next one after failure or relapse."""
    then: LaterCare
    """Care after the last regimen."""
    maintenance: bool = False
    """Whether responders go on to maintenance cycles, where the regimen has them."""
    agreement: Mapping[Name, Agreement] = Field(default_factory=dict)
    """Agreements with the company of a drug that are under discussion, by name; see `agreement`."""

    @property
    def shown_name(self) -> str:
        """The label, or the name when there is none."""
        return self.label or self.name

    def agreed_regimen(self, name: str) -> str:
        """Return the regimen whose drug an agreement is on."""
        return self.agreement[name].regimen or self.sequence[0]

    @model_validator(mode="after")
    def _agreements_are_on_a_regimen(self) -> Self:
        for name, agreement in self.agreement.items():
            given = agreement.regimen
            path = ("agreement", name, *(() if given is None else ("regimen",)))
            if given is None and len(self.sequence) != 1:
                problem = "must say the regimen, unless the sequence has exactly one"
                raise broken_rule(path, problem, choices=self.sequence)
            if given is not None and self.sequence.count(given) != 1:
                problem = "must be a regimen that the sequence has exactly once"
                raise broken_rule(path, problem, given, self.sequence)
        return self

    @model_serializer(mode="wrap")
    def _no_empty_agreement(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if key != "agreement" or value}


class Discounting(Described):
    """Annual effective discount rates; ``None`` is the perspective's."""

    costs: Rate | None = None
    """Of costs."""
    effects: Rate | None = None
    """Of life-years and QALYs."""


class Switches(Described):
    """Structural assumptions that can be chosen, or turned on or off."""

    background_mortality: bool = True
    """Death from other causes, by the life table."""
    benefit_after_stopping: bool = True
    """A regimen's effect on relapse lasts after its last cycle."""
    benefit_fades_from_years: NotNegative | None = None
    """Years from response after which the effect on relapse begins to fade."""
    benefit_fades_to_years: NotNegative | None = None
    """Years from response at which the effect has ended."""
    cure_point_years: Positive | None = None
    """Years in remission after which there is no relapse; by default there is no such point."""
    relapse_distribution: RelapseDistribution = "lognormal"
    """Distribution of the time from remission to relapse."""
    toxicity: bool = True
    """Adverse events of the regimens, with their costs and losses of utility."""
    transplant: bool = True
    """Allo-HCT of candidates in remission."""
    survivor_mortality_ratio: bool = True
    """Long-term survivors die more often than the general population."""
    utility_age_cap: bool = True
    """No utility is above that of the general population of the same age and sex."""
    vial_sharing: bool = False
    """The rest of a vial is given to another patient, and not paid for."""


class Capacity(Described):
    """Places shared by all patients, who enter over calendar time and wait where none is free.

    The command ``capacity`` alone has the limits; under all others nobody waits.
    """

    transplant_beds: Annotated[int, Field(ge=1, le=MOST_PLACES)] | None = None
    """Beds for allo-HCT; by default there is no limit."""
    cell_therapy_slots: Annotated[int, Field(ge=1, le=MOST_PLACES)] | None = None
    """Patients whose cells are made or infused at the same time; by default there is no limit."""
    queue: Queue = "first_come"
    """Who is next when a place falls free; among equals, who has waited longest."""
    longest_wait_days: Positive | None = None
    """Days of waiting after which the treatment is not offered any more; by default for ever."""
    warm_up_years: _Years = 1.0
    """Years of arrivals before the patients who are counted, and again after them."""
    window_years: _Years = 2.0
    """Years in which the patients enter who are counted."""


class Budget(Described):
    """How many patients there are year by year, and which strategy they get."""

    first_year: Annotated[int, Field(ge=EARLIEST_YEAR, le=LATEST_YEAR)]
    """Calendar year in which the first patients enter."""
    years: Annotated[int, Field(ge=1, le=MOST_BUDGET_YEARS)] = 5
    """How many years the budget covers; new patients enter in each."""
    patients_per_year: Yearly
    """Incidence: patients who enter in a year, one number or one for each year."""
    current: Mapping[str, Share] = Field(default_factory=dict)
    """Shares of the strategies today, which add up to 1; by default all get the comparator."""
    uptake: Mapping[str, Yearly]
    """Share of a year's patients who get a strategy in place of the current ones."""
    mid_year: bool = False
    """Patients enter in the middle of their calendar year, not at its beginning."""

    def incidence(self) -> list[float]:
        """Return the patients who enter, year by year."""
        return self._by_year(self.patients_per_year)

    def uptakes(self) -> dict[str, list[float]]:
        """Return the uptake of each strategy, year by year."""
        return {name: self._by_year(values) for name, values in self.uptake.items()}

    def _by_year(self, values: tuple[float, ...]) -> list[float]:
        return list(values) * self.years if len(values) == 1 else list(values)

    @model_validator(mode="after")
    def _lists_have_a_number_for_each_year(self) -> Self:
        uptake = ((("uptake", name), values) for name, values in self.uptake.items())
        for path, values in ((("patients_per_year",), self.patients_per_year), *uptake):
            if len(values) not in (1, self.years):
                problem = f"must be one number, or one for each of the {self.years} years"
                raise broken_rule(path, problem, _plain_yearly(values))
        if any(number > MOST_PATIENTS for number in self.patients_per_year):
            problem = f"must be at most {MOST_PATIENTS:,} patients"
            raise broken_rule(("patients_per_year",), problem, max(self.patients_per_year))
        return self

    @model_validator(mode="after")
    def _shares_are_of_one(self) -> Self:
        if self.current and abs(sum(self.current.values()) - 1.0) > ROUNDING:
            problem = "must be shares that add up to 1"
            raise broken_rule(("current",), problem, sum(self.current.values()))
        for place, shares in enumerate(zip(*self.uptakes().values(), strict=True)):
            if sum(shares) > 1.0 + ROUNDING:
                year = self.first_year + place
                problem = f"must be shares of at most 1 together; those of {year} are more"
                raise broken_rule(("uptake",), problem, sum(shares))
        return self


class WhatIf(Described):
    """The same question with some keys changed, as an extending file would change them.

    `factors` multiply the values of parameters, `shifts` are added to them. A key that is not given
    has its old value; the others are checked together with the scenario that they change.
    """

    label: Name | None = None
    """How tables and figures show it."""
    factors: Mapping[str, Positive] = Field(default_factory=dict)
    """Numbers by which values of parameters are multiplied."""
    shifts: Mapping[str, float] = Field(default_factory=dict)
    """Numbers that are added to values of parameters."""
    description: Any = None
    population: Any = None
    setting: Any = None
    study: Any = None
    perspective: Any = None
    horizon_years: Any = None
    discounting: Any = None
    thresholds: Any = None
    strategies: Any = None
    parameters: Any = None
    switches: Any = None
    life_table: Any = None

    @property
    def changes(self) -> tuple[str, ...]:
        """The keys of the scenario that are given."""
        own = {"label", "factors", "shifts"}
        return tuple(key for key in type(self).model_fields if key in self.model_fields_set - own)

    @model_serializer(mode="wrap")
    def _only_what_is_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if key in self.model_fields_set}


class Scenario(Described):
    """A scenario: patients, strategies, perspective, horizon and assumptions."""

    title: Annotated[str, Field(min_length=1)]
    """The question in one line."""
    description: str = ""
    """The question and its reasons, in a few sentences."""
    catalogue: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Folders or files with regimens, populations, perspectives and prices of your own."""
    population: str
    """The patients: a cohort's baseline table, by its name in the catalogue."""
    patients: Patients
    """How many are simulated under each strategy, or a file of your own patients."""
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)]
    """Of the random numbers: the same seed gives the same patients and the same answer."""
    setting: Setting
    """Whose efficacy and toxicity apply where the two differ."""
    study: StudyEffect = "average"
    """Results for the average of all studies, or the prediction of one to come."""
    perspective: str
    """Who pays: prices, utilities, discounting and life table, by its name in the catalogue."""
    horizon_years: Horizon
    """How long costs and effects are counted: a number of years, or a lifetime."""
    discounting: Discounting = Discounting()
    """Annual rates; by default the perspective's."""
    thresholds: Annotated[tuple[Threshold, ...], Field(min_length=1, strict=False)] | None = None
    """What a QALY is worth, one or more amounts; by default the perspective's."""
    comparator: str | None = None
    """The strategy that the others are compared with; by default the first."""
    strategies: Annotated[
        tuple[Strategy, ...], Field(min_length=1, max_length=MOST_STRATEGIES, strict=False)
    ]
    """The treatment sequences to compare, in the same patients."""
    parameters: Mapping[str, OwnValue] = Field(default_factory=dict)
    """Values in place of the catalogue's, each a number or keys with its uncertainty and source."""
    switches: Switches = Switches()
    """Structural assumptions."""
    life_table: str | None = None
    """Background mortality: a name in the catalogue or a CSV file; by default the perspective's."""
    capacity: Capacity | None = None
    """Beds and slots that all patients share, for the command `capacity`; by default no limit."""
    subgroups: Mapping[str, Bands] = Field(default_factory=dict)
    """Characteristics by which results are given too: true, or for an amount the bounds of bands."""
    budget: Budget | None = None
    """Incidence and uptake, for the budget impact."""
    what_ifs: Mapping[Name, WhatIf] = Field(default_factory=dict)
    """The same question with some keys changed, by name."""

    _own_patients: OwnPatients | None = PrivateAttr(default=None)

    @property
    def own_patients(self) -> OwnPatients | None:
        """The patients of the user's file as read; None without one."""
        return self._own_patients

    def bring(self, patients: OwnPatients) -> None:
        """Add the contents of the file of patients, once it has been read."""
        self._own_patients = patients

    @property
    def number_of_patients(self) -> int:
        """How many patients are simulated under each strategy."""
        if isinstance(self.patients, int):
            return self.patients
        rows = 1 if self._own_patients is None else self._own_patients.number
        return self.patients.number or rows

    @property
    def numbers(self) -> dict[str, float]:
        """The values of its own by the name of their parameter."""
        return {name: own.value for name, own in self.parameters.items()}

    @property
    def comparator_name(self) -> str:
        """The strategy that the others are compared with: the first unless said."""
        return self.strategies[0].name if self.comparator is None else self.comparator

    @property
    def comparator_regimen(self) -> str | None:
        """The first regimen of the comparator, if it has one."""
        sequence = next(s.sequence for s in self.strategies if s.name == self.comparator_name)
        return sequence[0] if sequence else None

    @property
    def regimens(self) -> tuple[str, ...]:
        """Every regimen of every strategy, once, in order of first mention."""
        return tuple(dict.fromkeys(r for s in self.strategies for r in s.sequence))

    @model_validator(mode="after")
    def _nothing_is_repeated(self) -> Self:
        for position, first, name in repeated([strategy.name for strategy in self.strategies]):
            problem = f"strategies[{first}] already has this name"
            raise broken_rule(("strategies", position, "name"), problem, name)
        for position, first, shown in repeated([each.shown_name for each in self.strategies]):
            key = "name" if self.strategies[position].label is None else "label"
            problem = f"strategies[{first}] is shown as this too"
            raise broken_rule(("strategies", position, key), problem, shown)
        for position, first, threshold in repeated(self.thresholds or ()):
            problem = f"thresholds[{first}] is the same"
            raise broken_rule(("thresholds", position), problem, threshold)
        return self

    @model_validator(mode="after")
    def _subgroups_are_of_characteristics(self) -> Self:
        for name, bounds in self.subgroups.items():
            path = ("subgroups", name)
            if name not in COLUMNS:
                raise broken_rule(path, "no such characteristic", name, COLUMNS)
            if (COLUMNS[name].kind == "amount") != (bounds is not True):
                needed = "a list of bounds" if bounds is True else "true: it is no amount"
                raise broken_rule(path, f"must be {needed}", bounds)
            if bounds is not True and any(low >= high for low, high in pairwise(bounds)):
                raise broken_rule(path, "must be bounds that rise", list(bounds))
        return self

    @model_validator(mode="after")
    def _strategies_are_those_of_the_scenario(self) -> Self:
        names = tuple(strategy.name for strategy in self.strategies)
        if self.comparator is not None and self.comparator not in names:
            problem = "must be the name of a strategy"
            raise broken_rule(("comparator",), problem, self.comparator, names)
        for key in ("current", "uptake") if self.budget is not None else ():
            for name in getattr(self.budget, key):
                if name not in names:
                    raise broken_rule(("budget", key, name), "is no strategy", name, names)
        return self

    @model_validator(mode="after")
    def _benefit_fades_from_one_year_to_another(self) -> Self:
        switches = self.switches
        start, end = switches.benefit_fades_from_years, switches.benefit_fades_to_years
        key = ("switches", "benefit_fades_from_years")
        if start is None:
            if end is not None:
                raise broken_rule(key, "is missing, from when the benefit fades", None)
        elif end is not None and end < start:
            key = ("switches", "benefit_fades_to_years")
            raise broken_rule(key, "must not be before benefit_fades_from_years", end)
        return self

    @model_validator(mode="after")
    def _immortals_need_a_horizon(self) -> Self:
        # Without background mortality a cured patient never dies.
        if not self.switches.background_mortality and self.horizon_years == LIFETIME:
            raise broken_rule(
                ("switches", "background_mortality"),
                "can only be off when horizon_years is a number of years, not 'lifetime'",
                value=False,
            )
        return self
