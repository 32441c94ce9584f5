"""From a scenario file to a validated scenario whose every name exists, or to its first mistake.

Mistakes come in the order of the files that the scenario is made of.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import ValidationError

from sim.catalog import Catalogue, extended, load_catalogue
from sim.catalog.reading import KINDS_OF_FILES
from sim.errors import NOT_GIVEN, UserError, nearest
from sim.files.documents import Steps, dotted, exists, missing_file
from sim.files.schema import Mistake, mistakes_in
from sim.scenario.binding import Inputs
from sim.scenario.inheritance import (
    EXTENDS,
    PARAMETERS,
    PERSPECTIVE,
    Lineage,
    Node,
    Origin,
    changed_by,
    laid_over,
    mistakes_in_what_ifs,
    read_lineage,
    without,
    without_what_ifs,
    written,
)
from sim.scenario.own_patients import SUFFIXES, read_own_patients
from sim.scenario.schema import LATER_CARE, PatientsFile, Scenario


class ScenarioError(UserError):
    """The first mistake of a scenario, with the number of `more` that were found.

    `every` holds an error for each mistake, in the order of the files.
    """

    def __init__(
        self,
        first: Mistake,
        file: str,
        line: int | None,
        more: int,
        every: tuple[ScenarioError, ...] = (),
    ) -> None:
        self.more = more
        self.every = every or (self,)
        super().__init__(
            first.problem,
            file=file,
            line=line,
            key=dotted(first.path) or None,
            value=first.value,
            choices=first.choices,
        )

    def _message(self) -> str:
        return super()._message() + (f"; and {self.more} more" if self.more else "")


def first_of(mistakes: Sequence[Mistake], top: Node) -> ScenarioError:
    """Return the first of `mistakes` in the order of the files, child before parent.

    A missing key comes last, because the key that was meant is often there, misspelt.
    """

    def place(mistake: Mistake) -> tuple[bool, int, int]:
        origin = top.nearest_origin(mistake.path)
        return mistake.is_missing, origin.rank, origin.line

    def error(mistake: Mistake, *every: ScenarioError) -> ScenarioError:
        origin = top.nearest_origin(mistake.path)
        more = max(len(every) - 1, 0)
        return ScenarioError(mistake, origin.file, origin.line or None, more, every)

    ordered = sorted(mistakes, key=place)
    return error(ordered[0], *map(error, ordered))


CATALOGUE: Final = "catalogue"
DEFAULT: Final = "default"
_TABLE_SUFFIX: Final = ".csv"


class NamedParameter(Protocol):
    """The attributes of a catalogue parameter that a scenario needs."""

    @property
    def value(self) -> float:
        """The catalogue's value."""

    @property
    def currency(self) -> str | None:
        """The currency of an amount of money, None for any other number."""

    def check(self, value: float) -> str | None:
        """Return a sentence that says why `value` is not allowed, or None when it is."""


class Names(Protocol):
    """The contents of the catalogue that a scenario needs."""

    @property
    def populations(self) -> Mapping[str, object]:
        """Populations by name."""

    @property
    def regimens(self) -> Mapping[str, object]:
        """Regimens by name."""

    @property
    def perspectives(self) -> Mapping[str, object]:
        """Perspectives by name."""

    @property
    def life_tables(self) -> Mapping[str, object]:
        """Life tables by name."""

    def used(self, scenario: Scenario) -> Mapping[str, NamedParameter]:
        """Return the parameters that the scenario's model and prices read, by name."""

    def joint_problems(
        self, scenario: Scenario, numbers: Mapping[str, float]
    ) -> Iterable[tuple[tuple[str, ...], str]]:
        """Return names and a sentence of each rule between parameters that the numbers break."""

    def money(self, perspective: str) -> str:
        """Return the currency and the price year of a perspective in words."""


@dataclass(frozen=True)
class Loaded:
    """A valid scenario, the file it came from, and where each of its values was written."""

    scenario: Scenario
    lineage: Lineage
    catalogue: Catalogue
    """The catalogue of the program, with that of the scenario on top."""
    left_out: tuple[str, ...] = ()
    """Values that are left out of a what-if, since they have no meaning there, in words."""

    @property
    def file(self) -> str:
        """The scenario's own file, as the user named it."""
        return self.lineage.files[0]

    def origin(self, *path: str | int) -> str:
        """Return ``file:line`` of the value at `path`, or ``default`` when it was not written."""
        node = self.lineage.top.find(path)
        return DEFAULT if node is None else str(node.origin)

    def place(self, *path: str | int) -> tuple[str, int]:
        """Return file and line of the value at `path`; line 0 where it was not written in a file."""
        origin = self.lineage.top.nearest_origin(path)
        return origin.file, origin.line

    @property
    def life_table_file(self) -> Path | None:
        """The CSV file of the life table, when the scenario brings its own."""
        return _life_table_file(self.scenario, self.lineage.top)


def load_scenario(path: Path, catalogue: Catalogue | Names | None = None) -> Loaded:
    """Read, merge and check the scenario at `path`, or the shipped one of this name.

    Names are looked up in `catalogue`, by default the one that comes with the program.

    Raises
    ------
    UserError
        When a file cannot be read or anything in it is wrong: the first mistake, with its
        file, line, key and value, and how many more there are.
    """
    lineage = read_lineage(path)
    _refuse_catalogue(lineage.top)
    if catalogue is None or isinstance(catalogue, Catalogue):
        catalogue = _with_own(catalogue or load_catalogue(), lineage.top)
    names = _names(catalogue)
    scenario = _checked(lineage.top, lineage.top, names)
    mistakes = list(
        mistakes_in_what_ifs(
            scenario,
            lineage.top,
            lambda top: _check(top, names),
            lambda changed: _values(changed, names),
        )
    )
    if mistakes:
        raise first_of(mistakes, lineage.top)
    known = catalogue if isinstance(catalogue, Catalogue) else load_catalogue()
    return Loaded(scenario, lineage, known)


def _refuse_catalogue(top: Node) -> None:
    """Refuse a file of the user's own catalogue, which is no scenario."""
    keys = top.plain()
    if "title" not in keys and any(kind in keys for kind in ("sources", *KINDS_OF_FILES)):
        problem = (
            "is a catalogue and not a scenario: a scenario names it, as in "
            f"'{CATALOGUE}: [{Path(top.origin.file).name}]'"
        )
        raise UserError(problem, file=top.origin.file)


def _with_own(catalogue: Catalogue, top: Node) -> Catalogue:
    """Return the catalogue with the folders and files on top that the scenario names."""
    named = top.child(CATALOGUE)
    # Anything but a list of names is found to be wrong with the scenario.
    for number, node in enumerate(
        named.content if named and isinstance(named.content, list) else ()
    ):
        given, origin = node.content, node.origin
        if not isinstance(given, str):
            continue
        place = origin.folder / given
        if not exists(place):
            raise first_of([Mistake((CATALOGUE, number), missing_file(place), given)], top)
        shown = os.path.normpath(Path(origin.file).parent / given)
        catalogue = extended(catalogue, place, shown)
    return catalogue


def what_if(loaded: Loaded, name: str, catalogue: Catalogue | Names | None = None) -> Loaded:
    """Return the scenario as its what-if of this name changes it; it has none of its own."""
    names = _names(catalogue)
    top = loaded.lineage.top
    changed = changed_by(
        top,
        name,
        loaded.scenario.what_ifs[name],
        lambda node: _check(node, names),
        lambda asked: _values(asked, names),
    )
    if changed.scenario is None or changed.mistakes:
        raise first_of(changed.mistakes, top)
    lineage = replace(loaded.lineage, top=changed.top)
    return replace(loaded, scenario=changed.scenario, lineage=lineage, left_out=changed.left_out)


def changed_scenario(
    loaded: Loaded,
    changes: Mapping[str, Any],
    catalogue: Catalogue | Names | None = None,
    origin: Origin | None = None,
    *,
    leave_out: bool = False,
    keep_what_ifs: bool = False,
) -> Loaded:
    """Return the scenario with some keys changed, mappings merged and all else replaced.

    The changes have the `origin` of the whole scenario unless another is given. An amount among
    them is in the money of the changed scenario's perspective. A value of the scenario that has no
    meaning in the changed one is a mistake, or left out if `leave_out` says so. What-ifs are left
    out, since they may not fit the changed scenario, unless `keep_what_ifs` says that they do.

    Raises
    ------
    UserError
        When the changed scenario is not a valid one.
    """
    names = _names(catalogue)
    top = loaded.lineage.top if keep_what_ifs else without_what_ifs(loaded.lineage.top)
    perspective = changes.get(PERSPECTIVE, loaded.scenario.perspective)
    here = replace(origin or top.origin, perspective=perspective)
    changed = laid_over(top, written(dict(changes), here))
    if leave_out:
        _, mistakes = _check(changed, names)
        changed = without(changed, [each for each in mistakes if each.belongs_elsewhere])
    scenario = _checked(changed, changed, names)
    return replace(loaded, scenario=scenario, lineage=replace(loaded.lineage, top=changed))


def _checked(top: Node, shown: Node, catalogue: Names) -> Scenario:
    scenario, mistakes = _check(top, catalogue)
    if scenario is None or mistakes:
        raise first_of(mistakes, shown)
    return scenario


def _check(top: Node, catalogue: Names) -> tuple[Scenario | None, list[Mistake]]:
    try:
        scenario = Scenario.model_validate(top.plain())
    except ValidationError as error:
        return None, mistakes_in(error, Scenario, [EXTENDS])
    mistakes = list(_own_patients(scenario, top))
    return scenario, [*mistakes, *_unknown_names(scenario, top, catalogue)]


def _own_patients(scenario: Scenario, top: Node) -> Iterator[Mistake]:
    """Read the user's own patients, where there are any.

    Raises
    ------
    UserError
        When the file holds mistakes.
    """
    if not isinstance(scenario.patients, PatientsFile):
        return
    path, name = ("patients", "file"), scenario.patients.file
    # Relative to the file that names it, which may be an ancestor in another folder.
    file = top.nearest_origin(path).folder / name
    if file.suffix.lower() not in SUFFIXES:
        yield Mistake(path, f"must be a file that ends in {' or '.join(SUFFIXES)}", name)
    elif not exists(file):
        yield Mistake(path, missing_file(file), name)
    else:
        scenario.bring(read_own_patients(file))


def _values(scenario: Scenario, names: Names) -> dict[str, float]:
    known = names.used(scenario)
    return {name: parameter.value for name, parameter in known.items()} | scenario.numbers


def _names(catalogue: Catalogue | Names | None) -> Names:
    if catalogue is None:
        return Inputs(load_catalogue())
    return Inputs(catalogue) if isinstance(catalogue, Catalogue) else catalogue


def _unknown_names(scenario: Scenario, top: Node, catalogue: Names) -> Iterator[Mistake]:
    """Find every name that the catalogue does not have, then every impossible value."""
    mistakes = [
        *_absent(("population",), scenario.population, catalogue.populations),
        *_absent(("perspective",), scenario.perspective, catalogue.perspectives),
        *_wrong_regimens(scenario, catalogue),
    ]
    yield from mistakes
    yield from _wrong_life_table(scenario, top, catalogue)
    if not mistakes:
        wrong = [
            *_wrong_parameters(scenario, catalogue),
            *_foreign_amounts(scenario, top, catalogue),
        ]
        yield from wrong
        if not wrong:
            yield from _impossible_together(scenario, catalogue)


def _absent(path: Steps, name: str, known: Iterable[str]) -> Iterator[Mistake]:
    if name not in known:
        yield Mistake(path, f"no such {path[0]}", name, known)


def _wrong_regimens(scenario: Scenario, catalogue: Names) -> Iterator[Mistake]:
    known = [name for name in catalogue.regimens if name not in LATER_CARE]
    for number, strategy in enumerate(scenario.strategies):
        for line, name in enumerate(strategy.sequence):
            path = ("strategies", number, "sequence", line)
            if name in LATER_CARE:
                yield Mistake(
                    path,
                    "is the care after the last regimen, not a regimen; "
                    f"take it out of the sequence and write 'then: {name}'",
                    name,
                )
            elif name not in known:
                yield Mistake(path, "no such regimen", name, known)


def _wrong_parameters(scenario: Scenario, catalogue: Names) -> Iterator[Mistake]:
    used = catalogue.used(scenario)
    for name, value in scenario.numbers.items():
        if name not in used:
            absent = unused(name, used)
            yield Mistake((PARAMETERS, name), absent, belongs_elsewhere=True)
        elif (problem := used[name].check(value)) is not None:
            yield Mistake((PARAMETERS, name), problem, value)


def _foreign_amounts(scenario: Scenario, top: Node, names: Names) -> Iterator[Mistake]:
    """Find the amounts that were written in the money of another perspective."""
    used = names.used(scenario)
    ours = scenario.perspective
    money = names.money(ours)
    amounts: list[tuple[Steps, object]] = [
        ((PARAMETERS, name), value)
        for name, value in scenario.numbers.items()
        if name in used and used[name].currency is not None
    ]
    if scenario.thresholds is not None:
        amounts.append((("thresholds",), list(scenario.thresholds)))
    amounts += [
        (("strategies", s, "agreement", name), NOT_GIVEN)
        for s, strategy in enumerate(scenario.strategies)
        for name, agreement in strategy.agreement.items()
        if agreement.cap_spend is not None or agreement.budget_cap is not None
    ]
    for path, value in amounts:
        node = top.find(path)
        given = None if node is None else node.origin.perspective
        if isinstance(given, str) and given in names.perspectives and names.money(given) != money:
            yield Mistake(
                path,
                f"is in {names.money(given)}, the money of '{given}' under which it was given, and "
                f"this scenario counts in {money}: give it anew"
                + ("" if path[0] == "strategies" else f", or write null to leave it to '{ours}'"),
                value,
                belongs_elsewhere=True,
            )


def _impossible_together(scenario: Scenario, names: Names) -> Iterator[Mistake]:
    """Find values that are possible alone and not together; blame one that the scenario gives."""
    given = scenario.parameters
    for parameters, problem in names.joint_problems(scenario, _values(scenario, names)):
        blamed = next((name for name in parameters if name in given), None)
        path = (PARAMETERS,) if blamed is None else (PARAMETERS, blamed)
        yield Mistake(path, problem)


def unused(name: str, used: Iterable[str], meant: Sequence[str] = ()) -> str:
    """Say that a scenario uses no parameter of this name.

    What was `meant` is suggested where no name is spelt like it.
    """
    # Some hundreds are allowed: only the nearest helps, and the list has its own command.
    close = nearest(name, used)
    near = " or ".join(f"'{each}'" for each in (meant if close is None else [close]))
    question = f"; did you mean {near}?" if near else ""
    return f"this scenario uses no such parameter{question} ('blinsim parameters' lists all)"


def _wrong_life_table(scenario: Scenario, top: Node, catalogue: Names) -> Iterator[Mistake]:
    path, name = ("life_table",), scenario.life_table
    own = _life_table_file(scenario, top)
    if own is not None and not exists(own):
        yield Mistake(path, missing_file(own), name)
    elif own is None and name is not None and name not in catalogue.life_tables:
        problem = f"no such life table, and not the path of a {_TABLE_SUFFIX} file"
        yield Mistake(path, problem, name, catalogue.life_tables)


def _life_table_file(scenario: Scenario, top: Node) -> Path | None:
    name = scenario.life_table
    if name is None or not name.endswith(_TABLE_SUFFIX):
        return None
    # Relative to the file that says so, which may be an ancestor in another folder.
    return top.nearest_origin(("life_table",)).folder / name
