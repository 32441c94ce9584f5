"""A command is made from the function of its name: its options, ranges, defaults and help."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import click
import pytest
from click.testing import CliRunner

import sim
from sim.analyses.shared.arguments import (
    Cached,
    Option,
    Out,
    PatientsPerDraw,
    Positive,
    Seed,
    Whole,
    checked,
)
from sim.cli import ALIASES, COMMANDS, commands
from sim.commands import derived
from sim.commands.derived import value_given
from sim.registry import Command
from tests.support.places import ROOT

ANALYSES = [name for name, command in COMMANDS.items() if command.result is not None]
# The command line is used in scripts of others: whoever renames an argument sees it here.
OPTIONS = {
    "run": "patients seed engine trace patients-out out threads cluster report json",
    "report": "from out figures with patients seed threads",
    "compare": "name patients seed out threads cluster json",
    "psa": "draws patients se seed out resume cache no-cache threads cluster part json",
    "price": "regimen draws patients seed out cache no-cache threads cluster json",
    "agreement": "draws patients seed out json",
    "severity": "draws patients seed out cache no-cache threads cluster json",
    "budget": "draws patients seed out cache no-cache threads cluster json",
    "voi": "draws patients seed threshold group incidence years top out cache no-cache threads cluster json",
    "trial": (
        "n arm outcome follow-up cost incidence years threshold "
        "draws patients seed out cache no-cache threads cluster json"
    ),
    "export": "to from draws patients seed out cache no-cache threads json",
    "tornado": "outcome threshold strategy top components patients seed out resume threads cluster part json",
    "twoway": "x y steps x-range y-range threshold strategy patients seed out resume threads cluster part json",
    "threshold": "parameter range patients seed out resume threads cluster part json",
    "sobol": "outcome threshold strategy groups draws check patients seed out resume threads cluster part json",
    "morris": (
        "outcome threshold strategy groups trajectories top patients seed out resume threads cluster part json"
    ),
    "what-if": "threshold patients seed out resume threads cluster part json",
    "capacity": "beds threshold patients seed out resume json",
    "check": "",
    "new": "population perspective sequence",
    "schema": "",
    "show": "",
    "parameters": "scenario csv",
    "calibrate": "quick out install threads cluster",
    "validate": "protocol draws out threads cluster json",
    "evaluations": "patients out threads json",
    "verify": "group seed out threads json",
    "evidence": "role csv",
    "explain": "patient find among engine entries seed out figure json",
    "cache": "clear",
    "explore": "patients seed host port no-browser",
}
ARGUMENTS = {
    **dict.fromkeys(COMMANDS, "SCENARIO"),
    "compare": "SCENARIOS...",
    "validate": "[STUDIES]...",
    "calibrate": "PROTOCOL",
    "new": "NAME",
    "schema": "[scenario|catalogue|sources|price_indices|life_",
    "parameters": "[FILTER]",
    "evaluations": "[NAMES]...",
    "evidence": "[STUDY]",
    "cache": "",
}


@cache
def command(name):
    return commands.get_command(click.Context(commands), name)


def page(name):
    result = CliRunner().invoke(commands, [*name.split(), "--help"], terminal_width=80)
    assert result.exit_code == 0
    return result.stdout


# The commands that there are


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_options_that_others_rely_on(name):
    found = [
        each.removeprefix("--")
        for option in command(name).params
        if isinstance(option, click.Option)
        for each in (*option.opts, *option.secondary_opts)
    ]
    assert found == OPTIONS[name].split()
    assert page(name).splitlines()[0].split("[OPTIONS]")[1].strip() == ARGUMENTS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_page_of_help_is_complete_and_fits_the_screen(name):
    assert all(len(line) <= 80 for line in page(name).splitlines())
    for option in command(name).params:
        assert isinstance(option, click.Argument) or option.help.endswith((".", "?"))


def test_every_command_has_one_line_in_the_list():
    lines = page("").splitlines()
    width = max(map(len, COMMANDS))
    for name, each in COMMANDS.items():
        assert f"  {name:{width}}  {each.help}" in lines


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_speaks_the_language_of_the_field(name):
    assert not re.search(r"\b(luck|kept|keeps?|as for)\b|`", page(name), re.IGNORECASE)


def test_former_names_are_of_commands_that_there_are():
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)


# Commands and the package


def test_every_analysis_is_a_function_and_its_answer_a_class():
    functions = {name for name in sim.__all__ if inspect.isfunction(getattr(sim, name))}
    assert {COMMANDS[name].function for name in ANALYSES} == functions
    assert len(ANALYSES) == 21
    for name in ANALYSES:
        result = COMMANDS[name].result
        assert getattr(sim, result).COMMAND == name
        assert getattr(sim, COMMANDS[name].function).__annotations__["return"] == result


def test_type_checkers_see_the_names_that_there_are():
    """Imports for type checkers name each twice, which exports it."""
    tree = ast.parse((ROOT / "sim" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (each for each in tree.body if isinstance(each, ast.If) and len(each.body) > 1)
    seen = {
        alias.asname: (statement.module, alias.name)
        for statement in block.body
        for alias in statement.names
    }
    assert seen == {name: (sim._MODULES[name], name) for name in sim.__all__}


def test_the_package_lists_public_names_only():
    assert dir(sim) == sorted([*sim.__all__, "__version__"])
    assert "tornado" in dir(sim)


def test_help_imports_no_analysis_and_an_analysis_no_click():
    code = (
        "import sys; from sim.cli import commands; commands(['--help'], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.startswith('sim.analyses')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, encoding="utf-8"
    )
    assert ran.stdout.endswith("\n[]\n")
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("sim/analyses/**/*.py")]
    assert len(sources) > 50
    assert not any(re.search(r"^\s*(import|from) click", text, re.MULTILINE) for text in sources)


# A command made from a function


@checked
def example(
    scenario: str | Path,
    kind: Literal["one", "two"] = "one",
    *,
    size: Annotated[int, Option("K", Whole(2, 9))] = 3,
    draws: PatientsPerDraw = None,
    worth: Annotated[Sequence[float] | None, Option("V", Positive(100.0))] = None,
    sets: Annotated[Mapping[str, Sequence[str]] | None, Option("NAME=A,...")] = None,
    ends: tuple[float, float] | None = None,
    as_file: str | Path | None = None,
    out: Out = None,
    seed: Seed = None,
    cached: Cached = True,
    again: bool = False,
):
    """Do something with a file.

    At length, and with ``size`` and ``three``.

    Parameters
    ----------
    scenario
        The file.
    kind
        Either ``one`` or ``two``,
        with ``as_file``.
    size, draws
        A number.
    worth, sets, ends, as_file, out, cached, again
        A word.
    seed
        As for `tornado`.

    Raises
    ------
    UserError
        Never.
    """
    return dict(locals())


@pytest.fixture
def called(monkeypatch):
    """Return a function that calls the command and gives what the function was given."""
    row = Command("example", "An example.", "commands.report")
    others = {each.name: each.imported() for each in COMMANDS.values() if each.result is not None}
    monkeypatch.setattr(Command, "imported", lambda each: others.get(each.name, example))
    made = derived.derived(row)

    def call(*arguments):
        return made.main(["file.yaml", *arguments], standalone_mode=False)

    call.command = made
    call.help = made.get_help(click.Context(made, info_name="example", terminal_width=80))
    return call


def test_without_options_the_function_gets_its_own_defaults(called):
    assert called() == {
        name: Path("file.yaml") if name == "scenario" else parameter.default
        for name, parameter in inspect.signature(example).parameters.items()
    }


def test_values_arrive_in_the_types_of_the_signature(called):
    found = called(
        *("--kind", "two", "--size", "4", "--draws", "7", "--worth", "1", "--worth", "2.5"),
        *("--set", "a=b.*,c", "--set", "d=e", "--ends", "-1,1e3", "--as-file", "x/y"),
        *("--out", "folder", "--seed", "0", "--no-cache", "--again"),
    )
    assert found == {
        "scenario": Path("file.yaml"),
        "kind": "two",
        "size": 4,
        "draws": 7,
        "worth": [1.0, 2.5],
        "sets": {"a": ("b.*", "c"), "d": ("e",)},
        "ends": (-1.0, 1000.0),
        "as_file": Path("x/y"),
        "out": Path("folder"),
        "seed": 0,
        "cached": False,
        "again": True,
    }
    assert called("--draws", "auto", "--cache")["draws"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--size", "1"), "1 is not in the range 2<=x<=9"),
        (("--worth", "nan"), "'nan' is not a number"),
        (("--worth", "101"), "101.0 is not in the range 0.0<x<=100.0"),
        (("--draws", "few"), "'few' is not a valid integer"),
        (("--kind", "three"), "'three' is not one of 'one', 'two'"),
        (("--set", "a"), "'a' is not NAME=pattern,pattern"),
        (("--ends", "1_0,2"), "'1_0,2' is not two numbers with a comma between them"),
        (("--out", " "), "is empty; name a folder"),
    ],
)
def test_values_that_are_not_allowed_are_refused(called, arguments, says):
    with pytest.raises(click.BadParameter) as error:
        called(*arguments)
    assert says in error.value.message


def test_a_name_that_is_given_twice_is_refused(called):
    with pytest.raises(sim.UserError, match="--set: is the name of two sets"):
        called("--set", "a=b", "--set", "a=c")


def test_help_is_that_of_the_docstring_in_the_words_of_the_command_line(called):
    lines = " ".join(called.help.split())
    for said in (
        "[OPTIONS] SCENARIO Do something with a file. At length, and with --size and 'three'. Opt",
        "--kind [one|two] Either 'one' or 'two', with --as-file. [default: one]",
        "--size K A number. [default: 3; 2<=x<=9]",
        "--draws auto|N A number. [default: auto; 2<=x<=1000000000]",
        "--worth V A word. May be repeated. [0.0<x<=100.0]",
        "--ends LO,HI A word.",
        "--as-file FILE A word.",
        "--seed S Seed of the random numbers, instead of the scenario's.",
        "--cache / --no-cache A word. [default: cache]",
        "--again A word.",
    ):
        assert said in lines


# The same function from Python


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": 1}, "size: must be a whole number from 2 to 9 (got 1)"),
        ({"size": None}, "size: must be a whole number from 2 to 9 (got None)"),
        ({"size": True}, "size: must be a whole number"),
        ({"worth": [1.0, 101]}, "worth: must be at most 100 (got 101)"),
        ({"worth": [float("nan")]}, "worth: must be a number above 0 (got nan)"),
        ({"kind": "too"}, "kind: is not one of the allowed words (got 'too'); did you mean 'two'?"),
        ({"ends": (1,)}, "ends: must be two numbers (got (1,))"),
        ({"out": ""}, "out: is empty; name a folder"),
    ],
)
def test_arguments_that_are_not_allowed_are_refused(arguments, says):
    with pytest.raises(sim.UserError) as error:
        example("file.yaml", **arguments)
    assert says in str(error.value)


def test_a_wrong_call_is_told_by_python_itself():
    with pytest.raises(TypeError, match=r"example\(\) missing 1 required positional argument"):
        example()
    with pytest.raises(TypeError, match="unexpected keyword argument 'sise'"):
        example("file.yaml", sise=3)


def test_a_value_that_is_not_repeated_stays_as_it_is():
    (size,) = (each for each in derived.arguments_of(example) if each.name == "size")
    assert value_given(size, 4) == 4
