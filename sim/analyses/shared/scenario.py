"""A scenario in Python: read from a file, changed, inspected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack

from sim.analyses.shared.arguments import rename_options
from sim.errors import UserError
from sim.limits import MOST_PATIENTS

if TYPE_CHECKING:
    import pandas as pd

    from sim.catalog import Catalogue
    from sim.scenario.loading import Loaded
    from sim.simulation.question import Question

CHANGED_BY: Final = "with_"
SIZES: Final = frozenset({"patients", "seed"})
"""Changes of the simulation alone, not of the question."""


class Changes(TypedDict, total=False):
    """The keys of a scenario file, as `Scenario.with_` takes them."""

    title: str
    description: str
    population: str
    patients: int | Mapping[str, object]
    seed: int
    setting: Literal["trial", "real_world"]
    study: Literal["average", "new"]
    perspective: str
    horizon_years: float | Literal["lifetime"]
    discounting: Mapping[str, float | None]
    thresholds: Sequence[float] | None
    comparator: str | None
    strategies: Sequence[Mapping[str, object]]
    parameters: Mapping[str, float]
    switches: Mapping[str, bool | float | None]
    life_table: str | Path | None
    capacity: Mapping[str, object] | None
    subgroups: Mapping[str, bool | Sequence[float]]
    budget: Mapping[str, object] | None


class Scenario:
    """A question: patients, strategies and perspective. It never changes.

    Examples
    --------
    >>> from sim import Scenario
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml")
    >>> scenario.strategies
    ('salvage_chemotherapy', 'blinatumomab')
    """

    def __init__(self, loaded: Loaded, catalogue: Catalogue) -> None:
        self._loaded = loaded
        self._catalogue = catalogue

    @staticmethod
    @rename_options
    def load(path: str | Path) -> Scenario:
        """Read and check a scenario.

        Parameters
        ----------
        path
            Of a YAML file, or the name of a scenario that comes with the program.

        Raises
        ------
        UserError
            When the file cannot be read or something in it is wrong, with file, line, key and the
            nearest name that there is.

        Examples
        --------
        >>> from sim import Scenario
        >>> Scenario.load("scenarios/tower.yaml").name
        'tower'
        """
        from sim.scenario.loading import load_scenario

        loaded = load_scenario(Path(path))
        return Scenario(loaded, loaded.catalogue)

    @rename_options
    def with_(self, **changes: Unpack[Changes]) -> Scenario:
        """Return the scenario with some of its keys changed; this one stays as it is.

        Parameters
        ----------
        **changes
            Keys of a scenario file with their values. Those that hold keys themselves
            (``parameters``, ``switches``, ``discounting``, ``capacity``) are merged, all others replaced. What-ifs
            are left out, unless only ``patients`` and ``seed`` change. The paths of a life table and
            of a file of patients are relative to the working folder.

        Raises
        ------
        UserError
            When a key, a name or a value is not allowed, as in a file.

        Examples
        --------
        >>> from sim import Scenario
        >>> scenario = Scenario.load("scenarios/first_salvage.yaml")
        >>> half = scenario.with_(patients=500, parameters={"cost.blinatumomab.vial": 2584.5})
        >>> half.patients
        500
        """
        from sim.scenario.inheritance import Origin
        from sim.scenario.loading import changed_scenario

        origin = Origin(CHANGED_BY, 0, 0, Path())
        number = changes.get("patients")
        of_the_size = changes.keys() <= SIZES and isinstance(number, int | None)
        if isinstance(number, int) and self._loaded.scenario.own_patients is not None:
            # The patients stay those of the file.
            changes["patients"] = {"number": number}
        loaded = changed_scenario(
            self._loaded,
            _plain(changes),
            self._catalogue,
            origin,
            keep_what_ifs=of_the_size,
        )
        return Scenario(loaded, self._catalogue)

    @property
    def file(self) -> str:
        """The file it was read from."""
        return self._loaded.file

    @property
    def name(self) -> str:
        """The name of the file, without its suffix."""
        return Path(self.file).stem

    @property
    def title(self) -> str:
        """The question in words."""
        return self._loaded.scenario.title

    @property
    def patients(self) -> int:
        """Patients under each strategy."""
        return self._loaded.scenario.number_of_patients

    @property
    def seed(self) -> int:
        """Seed of the random numbers."""
        return self._loaded.scenario.seed

    @property
    def strategies(self) -> tuple[str, ...]:
        """Names of the strategies, in their order."""
        return tuple(strategy.name for strategy in self._loaded.scenario.strategies)

    @property
    def agreements(self) -> tuple[tuple[str, str], ...]:
        """Strategies and names of the agreements under discussion."""
        return tuple(
            (strategy.name, name)
            for strategy in self._loaded.scenario.strategies
            for name in strategy.agreement
        )

    @property
    def comparator(self) -> str:
        """The strategy that the others are compared with."""
        return self._loaded.scenario.comparator_name

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Thresholds of cost per QALY, in the currency of the perspective."""
        return self.question.thresholds

    @cached_property
    def question(self) -> Question:
        """The scenario bound to the catalogue, as the analyses take it."""
        from sim.simulation.question import prepare

        return prepare(self._loaded)

    @property
    def parameters(self) -> pd.DataFrame:
        """Every number that the scenario may use, with its distribution and its source.

        The columns are those of ``python -m sim parameters --csv``
        (`sim.layout.listings.CSV_COLUMNS`), among them ``name``, ``label``, ``value`` in
        ``unit``, ``scenario_value`` where the scenario overrides it,
        ``distribution``, ``status``, ``source`` and ``place``.

        Examples
        --------
        >>> from sim import Scenario
        >>> parameters = Scenario.load("scenarios/first_salvage.yaml").parameters
        >>> parameters.set_index("name").loc["cost.blinatumomab.vial", "unit"]
        'USD'
        """
        from sim.layout.listings import parameters_frame

        return parameters_frame(self.question)

    def __repr__(self) -> str:
        count = len(self.strategies)
        return (
            f"<Scenario {self.name}: {count} {'strategy' if count == 1 else 'strategies'}, "
            f"{self.patients:,} patients, seed {self.seed}>"
        )

    def __str__(self) -> str:
        """Return the scenario as YAML, with the origin of every value: the output of ``show``."""
        from sim.scenario.authoring import listing, perspective_values

        perspective = self._catalogue.perspectives[self._loaded.scenario.perspective]
        return listing(self._loaded, perspective_values(self._loaded, perspective))

    def _repr_html_(self) -> str:
        """Return the question, for a notebook."""
        from sim.layout.table import Hypertext
        from sim.layout.text import print_scenario

        page = Hypertext()
        print_scenario(page, self.question)
        return page.text()


Asked = Scenario | str | Path
"""A scenario, or the path of its file."""


SOME_SETS_PATIENTS: Final = 100_000
"""Of each what-if, of which a scenario has some ten, each a result of its own."""
MANY_SETS_PATIENTS: Final = 10_000
"""Of each parameter set, where there are hundreds of them and none is the headline.

All sets are simulated in the same patients, so the error of a difference between two of them is
much smaller than that of an outcome.
"""


def asked(
    scenario: Asked,
    *,
    patients: int | None = None,
    seed: int | None = None,
    at_most: int = MOST_PATIENTS,
) -> Scenario:
    """Return a scenario, read from its file if need be; `patients` and `seed` replace its own.

    Without `patients` it has its own number, but not more than `at_most`.

    Raises
    ------
    UserError
        When it is neither a scenario nor the path of one, the file cannot be read or is wrong, or a
        number is not allowed.
    """
    if not isinstance(scenario, Scenario | str | Path):
        raise UserError(
            "must be a scenario or the path of one", key="scenario", value=type(scenario).__name__
        )
    found = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
    changes: Changes = {}
    if patients is not None or found.patients > at_most:
        changes["patients"] = at_most if patients is None else patients
    if seed is not None:
        changes["seed"] = seed
    return found.with_(**changes) if changes else found


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a value as read from a YAML file."""
    if isinstance(value, Mapping):
        return {key: _plain(below) for key, below in value.items()}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # an array or a number of numpy
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
