"""Agreements in words."""

from __future__ import annotations

from typing import Final

from sim.layout.cells import SYMBOLS, money_text
from sim.scenario.agreement import Agreement

EVENTS: Final = {"no_response": "no response", "relapse": "relapse", "death": "death"}
CONDITIONS: Final = {"in_remission": "in remission", "alive": "alive"}


def in_words(agreement: Agreement | None, currency: str) -> str:
    """Return the terms of an agreement, in their order."""
    if agreement is None:
        return "every purchase at the price of the scenario"
    symbol, words = SYMBOLS[currency], []
    if agreement.discount_percent is not None:
        words.append(f"{agreement.discount_percent:g} % off every purchase")
    if agreement.cap_cycles is not None:
        words.append(f"cycles after the first {agreement.cap_cycles} free")
    if agreement.cap_spend is not None:
        words.append(f"free beyond {money_text(agreement.cap_spend, symbol)} a patient")
    if (parts := agreement.instalments) is not None:
        words.append(
            f"{parts.number} instalments, one every {parts.every_months:g} months while "
            f"{CONDITIONS[parts.condition]}"
        )
    if (refund := agreement.refund) is not None:
        after = " or ".join(EVENTS[event] for event in refund.after)
        before = "" if refund.before_month is None else f" before month {refund.before_month:g}"
        words.append(f"{refund.percent:g} % back after {after}{before}")
    if (budget := agreement.budget_cap) is not None:
        limit = money_text(budget.amount, symbol)
        words.append(f"at most {limit} for {budget.patients:,} patients together")
    return "; ".join(words)
