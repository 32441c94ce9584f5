"""From an entry of a catalogue file to a parameter, checked on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sim.catalog.distribution import FORMS, Distribution, Posterior, distribution_around
from sim.catalog.draws import Draws
from sim.catalog.fields import Fields
from sim.catalog.parameter import STATUSES, Parameter
from sim.catalog.price_index import PriceIndex
from sim.catalog.source import Source, read_source_keys
from sim.catalog.units import UNITS, Unit
from sim.files.documents import Document

ENTRY_KEYS: Final = (
    "label",
    "value",
    "unit",
    "distribution",
    "range",
    "source",
    "place",
    "derivation",
    "status",
    "note",
    "price_year",
    "inflate",
)
POSTERIOR: Final = "posterior"
CALIBRATED: Final = "calibrated"
MIDDLE: Final = 0.5
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_MONEY_KEYS: Final = frozenset({"sd", "ci", "low", "high"})
"""Keys of a distribution that are amounts themselves, so that they inflate with the value."""


@dataclass(frozen=True)
class Prices:
    """The money of a perspective: its currency and the year whose prices it states."""

    currency: str
    year: int
    index: PriceIndex | None


def read_parameters(
    document: Document,
    sources: Mapping[str, Source],
    prefixes: tuple[str, ...] = (),
    prices: Prices | None = None,
    draws: Draws | None = None,
) -> dict[str, Parameter]:
    """Read the ``parameters`` of `document`, with its ``defaults`` for keys left out.

    Every name must start with one of `prefixes`, when there are any. Amounts of money are allowed
    only where `prices` names their currency and year. The value ``posterior`` stands for the median
    of the parameter's `draws` and goes with the distribution of that name.

    Raises
    ------
    UserError
        At the line of the first entry, key or value that is not allowed.
    """
    listed = Fields(document).nested("parameters")
    defaults = ("defaults",) if document.knows("defaults") else None
    parameters = {}
    for name in listed:
        if _NAME.fullmatch(name) is None or not name.startswith(prefixes or ("",)):
            allowed = " or ".join(f"'{prefix}'" for prefix in prefixes)
            start = f", start with {allowed}" if prefixes else ""
            raise listed.error(f"a name must be lower-case words joined by dots{start}", name)
        listed.nested(name)
        fields = Fields(document, ("parameters", name), defaults)
        fields.only(ENTRY_KEYS)
        parameters[name] = _read_parameter(name, fields, sources, prices, draws or {})
    return parameters


def _read_parameter(
    name: str,
    fields: Fields,
    sources: Mapping[str, Source],
    prices: Prices | None,
    draws: Draws,
) -> Parameter:
    unit = UNITS[fields.choice("unit", UNITS)]
    if unit.currency is not None and (prices is None or prices.currency != unit.currency):
        reason = f"the perspective is in {prices.currency}" if prices else "this is no perspective"
        raise fields.error(f"has no place here: {reason}", "unit", unit.name)
    fitted = _fitted(name, fields, draws)
    amount = fields.number("value") if fitted is None else fitted.quantile(MIDDLE)
    factor = _inflation_factor(fields, unit.currency is not None, prices)
    value = amount * factor
    problem = unit.check(value)
    if problem is not None:
        raise fields.error(problem, "value", fields.get("value"))
    if fitted is not None:
        _check_draws(fitted, unit, fields)
    stated_range = fields.optional_pair("range")
    if stated_range is not None and not stated_range[0] <= amount <= stated_range[1]:
        raise fields.error(f"does not hold the value {amount:.6g}", "range", fields.get("range"))
    return Parameter(
        name=name,
        label=fields.text("label"),
        value=value,
        unit=unit.name,
        distribution=fitted or _read_distribution(value, factor, fields),
        stated_range=_times(stated_range, factor) if stated_range else None,
        sources=read_source_keys(fields, sources),
        place=fields.text("place"),
        derivation=fields.optional_text("derivation"),
        arithmetic=None if fitted else fields.sum_text("value"),
        status=fields.choice("status", STATUSES),
        note=fields.optional_text("note"),
        price_year=fields.optional_year("price_year"),
        amount=amount,
        file=fields.document.file,
        line=fields.document.line("parameters", name),
    )


def _fitted(name: str, fields: Fields, draws: Draws) -> Posterior | None:
    """Return the marginal posterior of a calibrated parameter, None for any other."""
    written = fields.nested("distribution")
    is_posterior = written.get("family") == POSTERIOR
    if (fields.get("value") == POSTERIOR) != is_posterior:
        problem = (
            f"'{POSTERIOR}' goes with 'distribution: {{family: {POSTERIOR}}}', and it with that"
        )
        raise fields.error(problem, "value", fields.get("value"))
    if (fields.get("status") == CALIBRATED) != is_posterior:
        problem = f"'{CALIBRATED}' goes with the value '{POSTERIOR}', and it with that"
        raise fields.error(problem, "status", fields.get("status"))
    if not is_posterior:
        return None
    written.only(("family",))
    if name not in draws:
        raise fields.error("has no column among the posterior's draws", "value", None, draws)
    return Posterior.of(draws[name])


def _check_draws(fitted: Posterior, unit: Unit, fields: Fields) -> None:
    """Refuse a column of the posterior whose draws do not fit the unit of the parameter."""
    for end in (fitted.draws[0], fitted.draws[-1]):
        problem = unit.check(end)
        if problem is not None:
            raise fields.error(
                f"the posterior holds a draw that does not fit: {problem}", "value", end
            )


def _inflation_factor(fields: Fields, money: bool, prices: Prices | None) -> float:
    price_year = fields.optional_year("price_year")
    if price_year is not None and not money:
        raise fields.error("is only for amounts of money", "price_year", price_year)
    if not fields.flag("inflate"):
        return 1.0
    if price_year is None or prices is None:
        raise fields.error("needs the 'price_year' of an amount of money", "inflate", True)
    if prices.index is None:
        raise fields.error("needs a 'price_index' in the perspective", "inflate", True)
    for year, key in ((price_year, "price_year"), (prices.year, "inflate")):
        if year not in prices.index.values:
            years = [str(known) for known in prices.index.values]
            raise fields.error(f"is not in {prices.index.name}", key, str(year), years)
    return prices.index.factor(price_year, prices.year)


def _read_distribution(value: float, factor: float, fields: Fields) -> Distribution:
    written = fields.nested("distribution")
    family = written.choice("family", FORMS)
    written.only(("family", *dict.fromkeys(key for form in FORMS[family] for key in form)))
    given = {key for key in written if key != "family"}
    if given not in [set(form) for form in FORMS[family]]:
        forms = " or ".join(" and ".join(f"'{key}'" for key in form) for form in FORMS[family])
        raise fields.error(f"a {family} distribution takes {forms}", "distribution")
    spread: dict[str, float | tuple[float, float]] = {}
    for key in given - {"why"}:
        pair = written.optional_pair(key) if key == "ci" else None
        scale = factor if key in _MONEY_KEYS else 1.0
        spread[key] = _times(pair, scale) if pair else written.number(key) * scale
    why = written.text("why") if "why" in given else ""
    try:
        return distribution_around(value, family, spread, why)
    except ValueError as error:
        raise fields.error(str(error), "distribution") from None


def _times(pair: tuple[float, float], factor: float) -> tuple[float, float]:
    return pair[0] * factor, pair[1] * factor
