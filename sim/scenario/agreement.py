"""Managed entry agreements: what the payer of a drug and its company may agree on.

An agreement changes who pays what and when, and no patient's course. Its terms apply in the order
of `Agreement`; `sim.analyses.agreement.payment` says what each of them pays.

Source of the kinds: Carlson JJ et al., Health Policy 2010;96:179-90 (health outcomes-based and
non-outcomes-based schemes; caps on use, conditional treatment continuation, outcomes guarantee);
Ferrario A, Kanavos P, EMiNet 2013, "Managed entry agreements for pharmaceuticals: the European
experience" (financial and performance-based agreements, at the level of patients or of the
population); Wenzl M, Chapman S, OECD Health Working Paper 115, 2019.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from sim.files.schema import Described, broken_rule
from sim.limits import LARGEST_AMOUNT, MOST_PATIENTS

LONGEST_NAME: Final = 80
MOST_INSTALMENTS: Final = 120
MOST_CYCLES: Final = 64
LONGEST_MONTHS: Final = 1200

RefundEvent = Literal["no_response", "relapse", "death"]
Condition = Literal["in_remission", "alive"]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Percent = Annotated[float, Field(ge=0, le=100)]
Amount = Annotated[float, Field(ge=0, le=LARGEST_AMOUNT)]
Months = Annotated[float, Field(gt=0, le=LONGEST_MONTHS)]


class Instalments(Described):
    """Each purchase is paid in equal parts, the first at once, later ones while a condition holds."""

    number: Annotated[int, Field(ge=1, le=MOST_INSTALMENTS)]
    """How many parts."""
    every_months: Months
    """Months from one part to the next."""
    condition: Condition = "in_remission"
    """A later part is paid only to a patient who is then in the remission of this line, or alive."""


class Refund(Described):
    """Money back at the first of some events: a share of all that was paid for the patient by then."""

    after: Annotated[tuple[RefundEvent, ...], Field(min_length=1, strict=False)]
    """No response to the line, relapse from its remission, death; one or more."""
    percent: Percent = 100.0
    """The share, in percent."""
    before_month: Months | None = None
    """Only for an event before so many months from the first day of the line."""


class BudgetCap(Described):
    """A limit of what is paid for a group of patients; the company bears the rest."""

    amount: Amount
    """For the group, in the currency of the perspective, undiscounted."""
    patients: Annotated[int, Field(ge=1, le=MOST_PATIENTS)]
    """How many patients are a group; they are taken in the order of their numbers."""


class Agreement(Described):
    """The terms of an agreement on the drug of one regimen; those that are given apply in this order."""

    label: Name | None = None
    """How tables and figures show it."""
    regimen: str | None = None
    """The regimen of the sequence whose drug is paid for; by default the only one."""
    discount_percent: Percent | None = None
    """Off the price of every purchase, in percent."""
    cap_cycles: Annotated[int, Field(ge=0, le=MOST_CYCLES)] | None = None
    """Cycles of the line that are paid for; the drug of later ones is free."""
    cap_spend: Amount | None = None
    """Most that is paid for a patient, undiscounted; the drug is free from then on."""
    instalments: Instalments | None = None
    """Payment in parts."""
    refund: Refund | None = None
    """Money back."""
    budget_cap: BudgetCap | None = None
    """A limit for a group of patients."""

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms that are given, in their order."""
        return tuple(name for name in TERMS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _has_terms(self) -> Self:
        if not self.terms:
            raise broken_rule((), "has no terms; give one of them", choices=TERMS)
        return self

    @model_serializer(mode="wrap")
    def _only_what_is_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if value is not None}


TERMS: Final = (
    "discount_percent",
    "cap_cycles",
    "cap_spend",
    "instalments",
    "refund",
    "budget_cap",
)
