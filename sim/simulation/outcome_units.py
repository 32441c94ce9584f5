"""The unit of an outcome, by its name."""

from __future__ import annotations

from typing import Final

from sim.economics.ledger import Account

QALYS: Final = "QALYs"
YEARS: Final = "years"
ACCOUNT_UNITS: Final = {Account.QALY: QALYS, Account.LIFE_YEARS: YEARS}
"""Of outcomes other than money."""


def outcome_unit(name: str, currency: str, *, is_difference: bool = False) -> str:
    """Return the unit of the outcome of that name in summary.json or in an analysis.

    A difference of two shares is in percentage points.
    """
    if name == "icer":
        return per_qaly(currency)
    if name.startswith(("cost", "nmb")):
        return currency
    if name.startswith(("qalys", "nhb")):
        return QALYS
    if name.startswith("life_years"):
        return YEARS
    if name.endswith("_percent"):
        return "percentage points" if is_difference else "%"
    return "months" if name.endswith("_months") else "cycles"


def account_unit(account: Account, currency: str) -> str:
    """Return the unit of an account of the ledger."""
    return ACCOUNT_UNITS.get(account, currency)


def per_qaly(currency: str) -> str:
    """Return the unit of thresholds and of ICERs."""
    return f"{currency} per QALY"
