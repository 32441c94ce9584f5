"""From a scenario file to a validated scenario whose every name exists, or to its first mistake.

Mistakes come in the order of the files that the scenario is made of. A what-if is the scenario with
some of its keys changed, checked as a scenario of its own.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

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
    Node,
    Origin,
    laid_over,
    read_merged,
    without,
    written,
)
from sim.scenario.own_patients import SUFFIXES, read_own_patients
from sim.scenario.schema import LATER_CARE, WHAT_IFS, PatientsFile, Scenario

CATALOGUE: Final = "catalogue"
DEFAULT: Final = "default"
_TABLE_SUFFIX: Final = ".csv"


class ScenarioError(UserError):
    """The first mistake of a scenario, and how many more there are.

    `every` holds an error for each mistake, in the order of the files.
    """

    def __init__(self, every: Sequence[UserError]) -> None:
        self.every = every
        first = every[0]
        super().__init__(
            first.problem,
            file=first.file,
            line=first.line,
            key=first.key,
            value=first.value,
            choices=first.choices,
        )

    def _message(self) -> str:
        more = len(self.every) - 1
        return super()._message() + (f"; and {more} more" if more else "")


def _error_of(mistakes: Iterable[Mistake], top: Node) -> ScenarioError:
    """Return mistakes as an error, in the order of the files, child before parent.

    A missing key comes last, because the key that was meant is often there, misspelt.
    """
    placed = [(each, top.nearest_origin(each.path)) for each in mistakes]
    placed.sort(key=lambda found: (found[0].is_missing, found[1].rank, found[1].line))
    return ScenarioError(
        [
            UserError(
                mistake.problem,
                file=origin.file,
                line=origin.line or None,
                key=dotted(mistake.path) or None,
                value=mistake.value,
                choices=mistake.choices,
            )
            for mistake, origin in placed
        ]
    )


@dataclass(frozen=True)
class Loaded:
    """A valid scenario, the file it came from, and where each of its values was written."""

    scenario: Scenario
    top: Node
    files: tuple[str, ...]
    """The scenario's own, and those that it extends."""
    catalogue: Catalogue
    """The catalogue of the program, with that of the scenario on top."""
    left_out: tuple[str, ...] = ()
    """Values that are left out of a what-if, since they have no meaning there, in words."""

    @property
    def file(self) -> str:
        """The scenario's own file, as the user named it."""
        return self.files[0]

    def origin(self, *path: str | int) -> str:
        """Return ``file:line`` of the value at `path`, or ``default`` when it was not written."""
        node = self.top.find(path)
        return DEFAULT if node is None else str(node.origin)

    def place(self, *path: str | int) -> tuple[str, int]:
        """Return file and line of the value at `path`; line 0 where it was not written in a file."""
        origin = self.top.nearest_origin(path)
        return origin.file, origin.line

    @property
    def life_table_file(self) -> Path | None:
        """The CSV file of the life table, when the scenario brings its own."""
        return _life_table_file(self.scenario, self.top)


def load_scenario(path: Path, catalogue: Catalogue | Inputs | None = None) -> Loaded:
    """Read, merge and check the scenario at `path`, or the shipped one of this name.

    Names are looked up in `catalogue`, by default the one that comes with the program.

    Raises
    ------
    UserError
        When a file cannot be read or anything in it is wrong: the first mistake, with its
        file, line, key and value, and how many more there are.
    """
    top, files = read_merged(path)
    _refuse_catalogue(top)
    if not isinstance(catalogue, Inputs):
        catalogue = Inputs(_with_own(catalogue or load_catalogue(), top))
    scenario = _checked(top, catalogue)
    mistakes = list(_mistakes_in_what_ifs(scenario, top, catalogue))
    if mistakes:
        raise _error_of(mistakes, top)
    return Loaded(scenario, top, files, catalogue.catalogue)


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
    nodes = named.content if named and isinstance(named.content, list) else ()
    for number, node in enumerate(nodes):
        given, origin = node.content, node.origin
        if not isinstance(given, str):
            continue
        place = origin.folder / given
        if not exists(place):
            raise _error_of([Mistake((CATALOGUE, number), missing_file(place), given)], top)
        shown = os.path.normpath(Path(origin.file).parent / given)
        catalogue = extended(catalogue, place, shown)
    return catalogue


def changed_scenario(
    loaded: Loaded,
    changes: Mapping[str, Any],
    catalogue: Catalogue | None = None,
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
    inputs = Inputs(catalogue or loaded.catalogue)
    top = loaded.top if keep_what_ifs else without(loaded.top, (WHAT_IFS,))
    perspective = changes.get(PERSPECTIVE, loaded.scenario.perspective)
    here = replace(origin or top.origin, perspective=perspective)
    changed = laid_over(top, written(dict(changes), here))
    if leave_out:
        for mistake in _check(changed, inputs)[1]:
            if mistake.belongs_elsewhere:
                changed = without(changed, mistake.path)
    return replace(loaded, scenario=_checked(changed, inputs), top=changed)


# The checks


def _checked(top: Node, inputs: Inputs) -> Scenario:
    scenario, mistakes = _check(top, inputs)
    if scenario is None or mistakes:
        raise _error_of(mistakes, top)
    return scenario


def _check(top: Node, inputs: Inputs) -> tuple[Scenario | None, list[Mistake]]:
    """Validate a whole scenario; it is None when its form is wrong."""
    try:
        scenario = Scenario.model_validate(top.plain())
    except ValidationError as error:
        return None, mistakes_in(error, Scenario, [EXTENDS])
    return scenario, [
        *_own_patients(scenario, top),
        *_wrong_names_and_values(scenario, top, inputs),
    ]


def _own_patients(scenario: Scenario, top: Node) -> Iterator[Mistake]:
    """Read the user's own patients, where there are any; mistakes in the file are a `UserError`."""
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


def _wrong_names_and_values(scenario: Scenario, top: Node, inputs: Inputs) -> Iterator[Mistake]:
    """Find every name that the catalogue does not have, then every impossible value."""
    catalogue = inputs.catalogue
    mistakes = [
        *_absent(("population",), scenario.population, catalogue.populations),
        *_absent(("perspective",), scenario.perspective, catalogue.perspectives),
        *_wrong_regimens(scenario, catalogue),
    ]
    yield from mistakes
    yield from _wrong_life_table(scenario, top, catalogue)
    if not mistakes:
        wrong = [*_wrong_parameters(scenario, inputs), *_foreign_amounts(scenario, top, inputs)]
        yield from wrong
        if not wrong:
            yield from _impossible_together(scenario, inputs)


def _absent(path: Steps, name: str, known: Iterable[str]) -> Iterator[Mistake]:
    if name not in known:
        yield Mistake(path, f"no such {path[0]}", name, known)


def _wrong_regimens(scenario: Scenario, catalogue: Catalogue) -> Iterator[Mistake]:
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


def _wrong_life_table(scenario: Scenario, top: Node, catalogue: Catalogue) -> Iterator[Mistake]:
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


def _wrong_parameters(scenario: Scenario, inputs: Inputs) -> Iterator[Mistake]:
    used = inputs.used(scenario)
    for name, value in scenario.numbers.items():
        if name not in used:
            yield Mistake((PARAMETERS, name), unused(name, used), belongs_elsewhere=True)
        elif (problem := used[name].check(value)) is not None:
            yield Mistake((PARAMETERS, name), problem, value)


def unused(name: str, used: Iterable[str], meant: Sequence[str] = ()) -> str:
    """Say that a scenario uses no parameter of this name.

    What was `meant` is suggested where no name is spelt like it.
    """
    # Some hundreds are allowed: only the nearest helps, and the list has its own command.
    close = nearest(name, used)
    near = " or ".join(f"'{each}'" for each in (meant if close is None else [close]))
    question = f"; did you mean {near}?" if near else ""
    return f"this scenario uses no such parameter{question} ('blinsim parameters' lists all)"


def _foreign_amounts(scenario: Scenario, top: Node, inputs: Inputs) -> Iterator[Mistake]:
    """Find the amounts that were written in the money of another perspective."""
    used, perspectives = inputs.used(scenario), inputs.catalogue.perspectives
    ours = scenario.perspective
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
        if not isinstance(given, str) or given not in perspectives:
            continue
        theirs, money = perspectives[given].money, perspectives[ours].money
        if theirs != money:
            yield Mistake(
                path,
                f"is in {theirs}, the money of '{given}' under which it was given, and "
                f"this scenario counts in {money}: give it anew"
                + ("" if path[0] == "strategies" else f", or write null to leave it to '{ours}'"),
                value,
                belongs_elsewhere=True,
            )


def _impossible_together(scenario: Scenario, inputs: Inputs) -> Iterator[Mistake]:
    """Find values that are possible alone and not together; blame one that the scenario gives."""
    given = scenario.parameters
    for parameters, problem in inputs.joint_problems(scenario):
        blamed = next((name for name in parameters if name in given), None)
        path = (PARAMETERS,) if blamed is None else (PARAMETERS, blamed)
        yield Mistake(path, problem)


# What-ifs

FACTORS: Final = "factors"
MOVES: Final[Mapping[str, Callable[[float, float], float]]] = {
    FACTORS: operator.mul,
    "shifts": operator.add,
}


def what_if(loaded: Loaded, name: str, catalogue: Catalogue | Inputs | None = None) -> Loaded:
    """Return the scenario as its what-if of this name changes it; it has none of its own."""
    known = catalogue or loaded.catalogue
    inputs = Inputs(known) if isinstance(known, Catalogue) else known
    found = _changed_by(loaded.scenario, loaded.top, name, inputs)
    if found.scenario is None or found.mistakes:
        raise _error_of(found.mistakes, loaded.top)
    return replace(loaded, scenario=found.scenario, top=found.top, left_out=found.left_out)


def _mistakes_in_what_ifs(scenario: Scenario, top: Node, inputs: Inputs) -> Iterator[Mistake]:
    """Find the mistakes of each what-if; the scenario itself is known to be right."""
    for name in scenario.what_ifs:
        changed = _changed_by(scenario, top, name, inputs)
        yield from changed.mistakes
        asked = changed.scenario
        if asked is None:
            continue
        if [arm.name for arm in asked.strategies] != [arm.name for arm in scenario.strategies]:
            problem = "must keep the names and the order of the scenario's strategies"
            yield Mistake((WHAT_IFS, name, "strategies"), problem)


class _Changed(NamedTuple):
    """The scenario as a what-if changes it.

    `scenario` is None where its form is wrong; `mistakes` are named by their place in the what-if.
    `left_out` holds, in words, the values that are left out.
    """

    top: Node
    scenario: Scenario | None
    mistakes: list[Mistake]
    left_out: tuple[str, ...]


def _changed_by(scenario: Scenario, top: Node, name: str, inputs: Inputs) -> _Changed:
    """Return the scenario as a what-if changes it, its factors and shifts applied.

    A value of the scenario or of an inherited what-if that has no meaning in the changed scenario is
    left out: a parameter that it does not use, an amount in other money. In a what-if of the
    scenario's own file it is a mistake.
    """
    given = top.find((WHAT_IFS, name))
    assert given is not None
    assert isinstance(given.content, dict)
    changes = {key: given.content[key] for key in scenario.what_ifs[name].changes}
    changed = laid_over(without(top, (WHAT_IFS,)), replace(given, content=changes))
    asked, mistakes = _check(changed, inputs)
    foreign = [
        each
        for each in mistakes
        # Of the scenario that is changed, or of an inherited what-if.
        if each.belongs_elsewhere
        and ((own := given.find(each.path)) is None or own.origin.rank > 0)
    ]
    left_out = [_in_words(each) for each in foreign]
    if foreign:
        for mistake in foreign:
            changed = without(changed, mistake.path)
        asked, mistakes = _check(changed, inputs)
    if asked is None or mistakes:
        found = [replace(each, path=(WHAT_IFS, name, *each.path)) for each in mistakes]
        return _Changed(changed, asked, found, tuple(left_out))
    moves = _moves(given, inputs.values(asked))
    if not moves:
        return _Changed(changed, asked, [], tuple(left_out))
    moved = _moved(changed, moves)
    asked, mistakes = _check(moved, inputs)
    inherited = [parameter for parameter, move in moves.items() if move.is_inherited]
    foreign = [each for each in mistakes if each.belongs_elsewhere and each.path[-1] in inherited]
    if foreign:
        left_out += [_in_words(each) for each in foreign]
        for mistake in foreign:
            del moves[str(mistake.path[-1])]
        moved = _moved(changed, moves)
        asked, mistakes = _check(moved, inputs)
    found = []
    for mistake in mistakes:
        parameter = str(mistake.path[-1])
        key = moves[parameter].key if parameter in moves else PARAMETERS
        found.append(replace(mistake, path=(WHAT_IFS, name, key, parameter)))
    return _Changed(moved, asked, found, tuple(left_out))


class _Move(NamedTuple):
    """The factor or the shift of a parameter: its key, and the value that it gives."""

    key: str
    node: Node
    is_inherited: bool


def _moves(given: Node, values: Mapping[str, float]) -> dict[str, _Move]:
    """Return the factors and shifts of a what-if by their parameter, a shift after a factor."""
    moves: dict[str, _Move] = {}
    for key, move in MOVES.items():
        entries = given.child(key)
        if entries is None:
            continue
        assert isinstance(entries.content, dict)
        for parameter, node in entries.content.items():
            # An unknown name is found to be unknown by the check that follows.
            before, is_inherited = values.get(parameter, 1.0), node.origin.rank > 0
            if parameter in moves:
                before = moves[parameter].node.plain()
                is_inherited |= moves[parameter].is_inherited
            # A factor has no unit, so that its product is in the money of the parameter.
            money = None if key == FACTORS else node.origin.perspective
            origin = replace(node.origin, perspective=money)
            moves[parameter] = _Move(key, Node(move(before, node.plain()), origin), is_inherited)
    return moves


def _moved(changed: Node, moves: Mapping[str, _Move]) -> Node:
    if not moves:
        return changed
    nodes = {parameter: move.node for parameter, move in moves.items()}
    origin = changed.origin
    return laid_over(changed, Node({PARAMETERS: Node(nodes, origin)}, origin))


def _in_words(mistake: Mistake) -> str:
    """Return the value that is left out, and why, in a few words."""
    return f"{mistake.path[-1]}: {mistake.problem.partition(':')[0].partition(';')[0]}"
