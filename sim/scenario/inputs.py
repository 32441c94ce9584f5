"""The names and values that a scenario may use, looked up in the catalogue and in the model.

A parameter is used by a scenario when its model or its prices read it. This is the one definition
of "used", for scenarios, analyses and runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sim.catalog import Catalogue, Parameter
from sim.scenario.binding import used_names
from sim.scenario.domain import joint_problems
from sim.scenario.schema import Scenario

_WITHOUT_EFFECT: Final = frozenset(
    {"title", "description", "patients", "seed", "parameters", "what_ifs", "life_table"}
)
"""Keys that do not affect which parameters are used."""


class Inputs:
    """The names that a scenario may use, for the checks of `sim.scenario.loading`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._used: dict[str, dict[str, Parameter]] = {}

    @property
    def populations(self) -> Mapping[str, object]:
        """Populations by name."""
        return self._catalogue.populations

    @property
    def regimens(self) -> Mapping[str, object]:
        """Regimens by name."""
        return self._catalogue.regimens

    @property
    def perspectives(self) -> Mapping[str, object]:
        """Perspectives by name."""
        return self._catalogue.perspectives

    @property
    def life_tables(self) -> Mapping[str, object]:
        """Life tables by name."""
        return self._catalogue.life_tables

    def used(self, scenario: Scenario) -> Mapping[str, Parameter]:
        """Return the parameters that the scenario's model and prices read, sorted by name."""
        key = scenario.model_dump_json(exclude=set(_WITHOUT_EFFECT))
        known = self._used.get(key)
        if known is None:
            selected = self._catalogue.select(
                scenario.population, scenario.regimens, scenario.perspective
            )
            names = used_names(scenario, self._catalogue)
            known = {name: each for name, each in selected.items() if name in names}
            self._used[key] = known
        return known

    def joint_problems(
        self, scenario: Scenario, numbers: Mapping[str, float]
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield names and a sentence of each rule between parameters that the numbers break."""
        yield from joint_problems(scenario, self._catalogue, numbers, self.used(scenario))

    def money(self, perspective: str) -> str:
        """Return the currency and the price year of a perspective in words."""
        return self._catalogue.perspectives[perspective].money
