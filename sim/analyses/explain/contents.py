"""The JSON file of one patient's lives: the keys and types that are read back from it."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from sim.analyses.shared.content_parts import Amounts, Content, Number, Size, Strategy


class Search(Content):
    """How the patient was found."""

    search: str


class Person(Content):
    """The patient at entry, as in a `Patient`."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=0)]
    age_years: float
    male: bool
    weight_kg: float
    height_cm: float
    salvage_line: int
    prior_hct: bool
    ph_positive: bool
    kmt2a: bool
    high_blasts: bool
    cns: bool
    extramedullary: bool
    primary_refractory: bool
    first_remission_months: Number
    mrd_only: bool


class Reason(Content):
    """Why two lives part."""

    about: str
    text: str


class Parting(Content):
    """Where the life of a strategy parts from that of the comparator."""

    strategy: Strategy
    comparator: Strategy
    told: list[Reason]


class Event(Content):
    """An event of a life."""

    day: float
    words: str


class Totals(Content):
    """The amounts of a life by account."""

    cost: Amounts
    qaly: Amounts
    life_years: Amounts


class Life(Content):
    """A patient's life under a strategy."""

    name: Strategy
    label: str
    totals: Totals
    categories: dict[str, Amounts]
    events: Annotated[list[Event], Field(min_length=1)]


class Explain(Content):
    """explain.json."""

    patients: Size
    seed: int
    found: Search | None
    patient: Person
    partings: list[Parting]
    strategies: list[Life]
