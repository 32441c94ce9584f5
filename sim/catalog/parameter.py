"""A named parameter: one number of the model with its source, unit and uncertainty.

Sources are publications, labels, price lists and our own decisions. Price indices convert an amount
of money from one year's prices to another's.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainValidator,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)

from sim.catalog.distribution import FORMS, Distribution, Fixed, Posterior, distribution_around
from sim.catalog.posterior import NO_FIT, Fit, Informed
from sim.catalog.values import UNITS, Number, Pair, Positive, Text, number, one_of, sum_behind
from sim.files.documents import Document, Steps
from sim.files.schema import Mistake, Part, broken_rule, first_of, reported, validated

SHOWN_ROOT: Final = "sim/catalog/data"
"""How messages name the folder of the catalogue, wherever the package is installed."""
LONGEST_SHORT_NAME: Final = 36
INTERNAL: Final = "internal"
KINDS: Final = (
    "article",
    "label",
    "price_list",
    "guideline",
    "statistics",
    "review",
    "model",
    INTERNAL,
)


class Source(Part):
    """One source; `doi` is a DOI, a PubMed number or an address, `kind` one of `KINDS`."""

    citation: Text
    year: int | None = None
    doi: Text | None = None
    kind: Annotated[str, one_of(KINDS)]

    @property
    def short(self) -> str:
        """Return first author or body and year, short enough for a table: ``Topp 2021``."""
        first = re.split(r"[,.;:(]| et al", self.citation, maxsplit=1)[0]
        without_initials = re.sub(r" [A-Z]{1,3}$", "", first.strip())
        name = textwrap.shorten(without_initials, LONGEST_SHORT_NAME, placeholder=" …")
        return f"{name} {self.year}" if self.year else name


class SourceFile(Part):
    """The file of the sources, by their key."""

    sources: Mapping[str, Source]


def _known(keys: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    sources: Mapping[str, Source] = info.context or {}
    for key in keys:
        if key not in sources:
            raise broken_rule(
                (), "is not a known source; list your own under 'sources'", key, sources
            )
    return keys


SourceKeys = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda written: written if isinstance(written, list | None) else [written],
        json_schema_input_type=str | list[str],
    ),
    Field(min_length=1, strict=False),
    AfterValidator(_known),
]
"""One key of a source or a list of them; the context of the validation holds the sources."""


def _year(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise broken_rule((), "must be a year such as 2020")
    return int(text)


class PriceIndex(Part):
    """The level of prices by calendar year; only ratios of levels have a meaning."""

    label: Text
    unit: Text
    sources: SourceKeys = Field(alias="source")
    place: Text
    note: Text | None = None
    values: Mapping[Annotated[int, BeforeValidator(_year)], Positive]

    def factor(self, from_year: int, to_year: int) -> float:
        """Return ``index[to_year] / index[from_year]``.

        Raises
        ------
        KeyError
            When the index has no value for one of the years.
        """
        return self.values[to_year] / self.values[from_year]


class IndexFile(Part):
    """The file of the price indices, by their name."""

    indices: Mapping[str, PriceIndex]


WRITTEN_STATUSES: Final = ("evidence", "calibrated", "assumption", "provisional", "definition")
"""Read from a source; fitted to sources; decided by us; a placeholder until calibration; true by
the model's own words (a reference of 0 or 1, the edge of a window)."""
SCENARIO: Final = "scenario"
"""The status of a value that the scenario gives in place of the catalogue's."""
PRIOR: Final = "prior"
"""The status of a fitted parameter of which the fit says little, so that its prior speaks."""
STATUSES: Final = (*WRITTEN_STATUSES[:2], PRIOR, *WRITTEN_STATUSES[2:])
PRIOR_FROM: Final = 0.85
"""A posterior with at least this share of the prior's standard deviation is the prior's."""
POSTERIOR: Final = "posterior"
CALIBRATED: Final = "calibrated"
OF_DRAW: Final = "the posterior holds a draw that does not fit: "
MIDDLE: Final = 0.5
PARAMETERS: Final = "parameters"
DEFAULTS: Final = "defaults"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_MONEY_KEYS: Final = frozenset({"sd", "ci", "low", "high"})
"""Keys of a distribution that are amounts themselves, so that they inflate with the value."""


@dataclass(frozen=True)
class Parameter:
    """One entry of the catalogue.

    `value` is used in a run. `amount` is the number in the source; the two differ only for money
    that is inflated from `price_year` to the price year of its perspective. `arithmetic` is the sum
    behind the value as written, when it was written as one. `sources` are keys of the catalogue's
    sources, `place` is the place of the number in them, `file` and `line` are the place of the
    entry in the catalogue. `drawn_as` names the parameter that this one repeats under a name of its
    own, in an entry that extends another: both are one number, and have the same draws. `replaces` is
    the catalogue's entry where the scenario gives another value.
    """

    name: str
    label: str
    value: float
    unit: str
    distribution: Distribution
    stated_range: tuple[float, float] | None
    sources: tuple[str, ...]
    place: str
    derivation: str | None
    arithmetic: str | None
    status: str
    note: str | None
    price_year: int | None
    amount: float
    file: str
    line: int
    drawn_as: str = ""
    replaces: Parameter | None = None

    @property
    def is_own(self) -> bool:
        """Whether the user wrote it, in a scenario or a catalogue of their own."""
        return not self.file.startswith(f"{SHOWN_ROOT}/")

    @property
    def key_of_draws(self) -> str:
        """The name by which its random numbers and its draws of the posterior are found."""
        return self.drawn_as or self.name

    @property
    def written_at(self) -> str:
        """File and line of the entry; of a user's file the name alone."""
        file = Path(self.file).name if self.is_own else self.file
        return f"{file}:{self.line}" if self.line else file

    def renamed(self, name: str) -> Parameter:
        """Return the same number under another name."""
        return replace(self, name=name, drawn_as=self.key_of_draws)

    def set_to(self, own: OwnNumber, file: str, line: int) -> Parameter:
        """Return the parameter with a scenario's value, which has nothing of the catalogue's."""
        # Files that are passed on say nothing of the folders of a machine.
        where = f"{Path(file).name}:{line}" if line else file
        return replace(
            self,
            value=own.value,
            distribution=own.uncertainty,
            stated_range=own.range,
            sources=(),
            place="; ".join(part for part in (own.source, own.place, where) if part),
            derivation=None,
            arithmetic=None,
            status=SCENARIO,
            note=None,
            price_year=None,
            amount=own.value,
            file=file,
            line=line,
            drawn_as="",
            replaces=self.replaces or self,
        )

    @property
    def low(self) -> float:
        """The low end for one-way analysis: of the stated range, else the 2.5 % quantile."""
        return (self.stated_range or self.distribution.interval())[0]

    @property
    def high(self) -> float:
        """The high end for one-way analysis: of the stated range, else the 97.5 % quantile."""
        return (self.stated_range or self.distribution.interval())[1]

    @property
    def currency(self) -> str | None:
        """The currency of an amount of money, None for any other number."""
        return UNITS[self.unit].currency

    def check(self, value: float) -> str | None:
        """Return a sentence that says why `value` is not allowed here, or None when it is."""
        return UNITS[self.unit].check(value)


@dataclass(frozen=True)
class Prices:
    """The money of a perspective: its currency and the year whose prices it states."""

    currency: str
    year: int
    index: PriceIndex | None


class _Listed(Part):
    parameters: Mapping[str, Mapping[str, Any]]


class WrittenDistribution(Part):
    """The family of a distribution, and the keys of one of its alternatives in `FORMS`."""

    family: Annotated[str, one_of(FORMS)]
    why: Text | None = None
    alpha: Number | None = None
    beta: Number | None = None
    sd: Number | None = None
    cv: Number | None = None
    sigma: Number | None = None
    ci: Pair | None = None
    low: Number | None = None
    high: Number | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The keys that have a value, without the family."""
        return {key: value for key, value in self if key != "family" and value is not None}

    @model_validator(mode="after")
    def _keys_are_those_of_the_family(self) -> Self:
        forms = FORMS[self.family]
        if self.given.keys() not in [set(form) for form in forms]:
            allowed = " or ".join(" and ".join(f"'{key}'" for key in form) for form in forms)
            problem = f"a {self.family} distribution takes {allowed or 'nothing'}"
            raise broken_rule((), problem)
        return self

    def around(self, value: float, factor: float) -> Distribution:
        """Return the distribution around a value that was inflated by `factor`."""
        spread = {key: number for key, number in self.given.items() if key != "why"}
        for key in _MONEY_KEYS & spread.keys():
            given = spread[key]
            spread[key] = _times(given, factor) if isinstance(given, tuple) else given * factor
        try:
            return distribution_around(value, self.family, spread, self.why or "")
        except ValueError as error:
            raise broken_rule(("distribution",), str(error)) from None


class OwnNumber(Part):
    """A scenario's own value of a parameter, with its uncertainty and where it comes from.

    Without a distribution the value is fixed; without a range, a one-way analysis takes the 95 %
    interval of the distribution.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    value: FiniteFloat
    """The value, in the unit of the parameter."""
    distribution: WrittenDistribution | None = None
    """Of the value: it is then drawn; fixed without one."""
    range: Pair | None = None
    """Ends of a one-way analysis."""
    source: Text | None = None
    """Where it comes from, in words."""
    place: Text | None = None
    """The place in the source."""

    @property
    def uncertainty(self) -> Distribution:
        """The distribution around the value."""
        if self.distribution is None:
            return Fixed(self.value, "set by the scenario")
        return self.distribution.around(self.value, 1.0)

    @model_validator(mode="after")
    def _value_is_within(self) -> Self:
        if self.distribution is not None and self.distribution.family == POSTERIOR:
            raise broken_rule(("distribution",), "a posterior comes from the fit alone", POSTERIOR)
        # It has to exist around this value.
        _ = self.uncertainty
        if self.range is not None and not self.range[0] <= self.value <= self.range[1]:
            raise broken_rule(("range",), f"does not hold the value {self.value:.6g}", self.range)
        return self

    @model_serializer(mode="wrap")
    def _number_where_nothing_is_added(self, dump: SerializerFunctionWrapHandler) -> Any:  # noqa: ANN401
        given = {key: each for key, each in dump(self).items() if each is not None}
        return self.value if given.keys() == {"value"} else given


_NUMBER: Final = TypeAdapter(Annotated[FiniteFloat, Field(strict=True)])


def _own_number(written: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    if isinstance(written, Mapping | OwnNumber):
        return read(written)
    return OwnNumber(value=_NUMBER.validate_python(written))


OwnValue = Annotated[
    OwnNumber, WrapValidator(_own_number, json_schema_input_type=float | OwnNumber)
]
"""A number, or keys and values with the number's uncertainty and source."""


class Amount(NamedTuple):
    """A number as written and the arithmetic behind it; NaN for the median of the posterior."""

    number: float
    arithmetic: str | None


def _amount(value: Any) -> Amount:  # noqa: ANN401
    if value == POSTERIOR:
        return Amount(math.nan, None)
    return Amount(number(value), sum_behind(value))


class Entry(Part):
    """A parameter as written; the value `POSTERIOR` is the median of the parameter's draws."""

    label: Text
    value: Annotated[Amount, PlainValidator(_amount)]
    unit: Annotated[str, one_of(UNITS)]
    distribution: WrittenDistribution
    range: Pair | None = None
    source: SourceKeys
    place: Text
    derivation: Text | None = None
    status: Annotated[str, one_of(WRITTEN_STATUSES)]
    note: Text | None = None
    price_year: int | None = None
    inflate: bool = False

    @model_validator(mode="after")
    def _calibrated_is_from_the_posterior(self) -> Self:
        is_posterior = math.isnan(self.value.number)
        if (self.distribution.family == POSTERIOR) != is_posterior:
            goes = f"goes with 'distribution: {{family: {POSTERIOR}}}', and it with that"
            raise broken_rule(("value",), f"'{POSTERIOR}' {goes}")
        if (self.status == CALIBRATED) != is_posterior:
            problem = f"'{CALIBRATED}' goes with the value '{POSTERIOR}', and it with that"
            raise broken_rule(("status",), problem, self.status)
        return self

    def fitted(self, name: str, draws: Mapping[str, tuple[float, ...]]) -> Posterior | None:
        """Return the marginal posterior of a calibrated parameter, None for any other."""
        if not math.isnan(self.value.number):
            return None
        if name not in draws:
            problem = "has no column among the posterior's draws"
            raise broken_rule(("value",), problem, name, draws)
        return Posterior.of(draws[name])

    def inflation(self, prices: Prices | None) -> float:
        """Return the factor from the prices of the entry to those of its perspective."""
        currency, year = UNITS[self.unit].currency, self.price_year
        if currency is not None and (prices is None or prices.currency != currency):
            reason = f"perspective is in {prices.currency}" if prices else "file is no perspective"
            raise broken_rule(("unit",), f"has no place here: this {reason}", self.unit)
        if year is not None and currency is None:
            raise broken_rule(("price_year",), "is only for amounts of money", year)
        if not self.inflate:
            return 1.0
        if year is None or prices is None:
            raise broken_rule(("inflate",), "needs the 'price_year' of an amount of money", True)
        if prices.index is None:
            raise broken_rule(("inflate",), "needs a 'price_index' in the perspective", True)
        years = [str(known) for known in prices.index.values]
        for each, key in ((year, "price_year"), (prices.year, "inflate")):
            if str(each) not in years:
                problem = f"is not in the index '{prices.index.label}'"
                raise broken_rule((key,), problem, str(each), years)
        return prices.index.factor(year, prices.year)


def read_parameters(
    document: Document,
    sources: Mapping[str, Source],
    prefixes: tuple[str, ...] = (),
    prices: Prices | None = None,
    fit: Fit = NO_FIT,
) -> dict[str, Parameter]:
    """Read the ``parameters`` of `document`, with its ``defaults`` for keys left out.

    A key written as ``null`` is absent, and no default takes its place. Every name must start with
    one of `prefixes`, when there are any. Amounts of money are allowed only where `prices` names
    their currency and year.

    Raises
    ------
    UserError
        At the first entry with a key or value that is not allowed.
    """
    defaults = document.data.get(DEFAULTS, {})
    written = {key: value for key, value in document.data.items() if key == PARAMETERS}
    parameters = {}
    for name, own in validated(_Listed, written, document).parameters.items():
        _check_name(name, prefixes, document)
        with reported(Entry, document, partial(_place, document, name)):
            entry = Entry.model_validate({**defaults, **own}, context=sources)
            parameters[name] = _parameter(name, entry, document, prices, fit)
    return parameters


def _check_name(name: str, prefixes: tuple[str, ...], document: Document) -> None:
    if _NAME.fullmatch(name) is None or not name.startswith(prefixes or ("",)):
        allowed = " or ".join(f"'{prefix}'" for prefix in prefixes)
        start = f", start with {allowed}" if prefixes else ""
        problem = f"a name must be lower-case words joined by dots{start}"
        raise first_of([Mistake((PARAMETERS, name), problem)], document)


def _place(document: Document, name: str, path: Steps) -> Steps:
    """Return where the value at `path` in an entry was written: there, or among the defaults."""
    first = path[:1]
    if document.knows(DEFAULTS, *first) and not document.knows(PARAMETERS, name, *first):
        return DEFAULTS, *path
    return PARAMETERS, name, *path


def _parameter(
    name: str, entry: Entry, document: Document, prices: Prices | None, fit: Fit
) -> Parameter:
    factor = entry.inflation(prices)
    fitted = entry.fitted(name, fit.draws)
    amount = entry.value.number if fitted is None else fitted.quantile(MIDDLE)
    value = amount * factor
    ends = () if fitted is None else (fitted.draws[0], fitted.draws[-1])
    for where, each in (("", value), *((OF_DRAW, end) for end in ends)):
        problem = UNITS[entry.unit].check(each)
        if problem is not None:
            raise broken_rule(("value",), f"{where}{problem}", each)
    if entry.range is not None and not entry.range[0] <= amount <= entry.range[1]:
        raise broken_rule(("range",), f"does not hold the value {amount:.6g}", list(entry.range))
    made = Parameter(
        name=name,
        label=entry.label,
        value=value,
        unit=entry.unit,
        distribution=fitted or entry.distribution.around(value, factor),
        stated_range=None if entry.range is None else _times(entry.range, factor),
        sources=entry.source,
        place=entry.place,
        derivation=entry.derivation,
        arithmetic=entry.value.arithmetic,
        status=entry.status,
        note=entry.note,
        price_year=entry.price_year,
        amount=amount,
        file=document.file,
        line=document.line(PARAMETERS, name),
    )
    return made if fitted is None or name not in fit.informed else _told(made, fit.informed[name])


def _told(parameter: Parameter, informed: Informed) -> Parameter:
    """Return a fitted parameter with what the fit says of it."""
    left = f"Spread left of the prior: {100 * informed.spread_left:.0f} %"
    by = f"; informed most by {informed.by.replace('/', ' ')}" if informed.by else ""
    status = PRIOR if informed.spread_left >= PRIOR_FROM else parameter.status
    return replace(parameter, status=status, derivation=f"{left}{by}")


def _times(pair: tuple[float, float], factor: float) -> tuple[float, float]:
    return pair[0] * factor, pair[1] * factor
