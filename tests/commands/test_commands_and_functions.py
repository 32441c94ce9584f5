"""A command and the function of its name have the same options, and say the same of themselves."""

import inspect
import re

import click
import pytest

import sim
from sim.cli import ALIASES, COMMANDS, commands

ANALYSES = {
    name: getattr(sim, name.replace("-", "_"))
    for name in COMMANDS
    if name.replace("-", "_") in sim.__all__
}
OF_A_RESULT = {"json": "json", "figure": "figure"}
"""Options that print or draw a result: in Python a method of the result."""
ONLY_A_COMMAND = {"run": {"report"}}
"""Options that write the files of another command."""
ONLY_PYTHON = {"compare": {"names"}}
"""Arguments that have no option: scenarios of the command line are named by their files."""
UNDER_ANOTHER_NAME = {"no_cache": "cached"}
"""A flag that takes something away is, in Python, what is there by default."""


def command(name):
    return commands.get_command(click.Context(commands), name)


def option_name(option):
    """The name of an option or argument in Python: an option to be repeated is a plural there."""
    longest = max(option.opts, key=len).removeprefix("--").replace("-", "_")
    name = UNDER_ANOTHER_NAME.get(longest, longest)
    return f"{name}s" if isinstance(option, click.Option) and option.multiple else name


def default_of(option):
    """The value that the function gets when the option is not given."""
    given = option.to_info_dict()["default"]
    if option_name(option) in UNDER_ANOTHER_NAME.values():
        return not given
    if isinstance(option, click.Option) and option.multiple:
        return None
    if option.required or not isinstance(option, click.Option):
        return inspect.Parameter.empty
    if given is None:
        return None
    return option.type_cast_value(click.Context(click.Command("any")), given)


def options(name):
    """The options of a command as its function has them, with their defaults."""
    left_out = set(OF_A_RESULT) | ONLY_A_COMMAND.get(name, set())
    return {
        option_name(option): default_of(option)
        for option in command(name).params
        if option_name(option) not in left_out
    }


def arguments(name):
    return {
        argument: parameter.default
        for argument, parameter in inspect.signature(ANALYSES[name]).parameters.items()
        if argument not in ONLY_PYTHON.get(name, set())
    }


def first_sentence(text):
    """The first paragraph, a metavariable as the words that it stands for."""
    said = inspect.cleandoc(text).partition("\n\n")[0].replace("\n", " ")
    said = re.sub(r"\bSCENARIO\b", "a scenario", said)
    return re.sub(r"\b(SCENARIOS|STUDIES)\b", lambda found: found[0].lower(), said)


def test_every_analysis_is_a_command_and_a_function():
    functions = {name for name in sim.__all__ if inspect.isfunction(getattr(sim, name))}
    assert {name.replace("-", "_") for name in ANALYSES} == functions
    assert len(ANALYSES) == 13


@pytest.mark.parametrize("name", ANALYSES)
def test_a_function_has_the_options_of_its_command_with_their_defaults(name):
    assert arguments(name) == options(name)


@pytest.mark.parametrize("name", ANALYSES)
def test_what_prints_or_draws_is_a_method_of_the_result(name):
    result = inspect.get_annotations(ANALYSES[name], eval_str=False)["return"]
    for option in command(name).params:
        method = OF_A_RESULT.get(option_name(option))
        assert method is None or callable(getattr(getattr(sim, result), method))


@pytest.mark.parametrize("name", ANALYSES)
def test_help_and_documentation_begin_with_the_same_sentence(name):
    assert first_sentence(command(name).help) == first_sentence(ANALYSES[name].__doc__)


@pytest.mark.parametrize("name", ANALYSES)
def test_neither_speaks_of_luck(name):
    shown = command(name).get_help(click.Context(command(name))) + ANALYSES[name].__doc__
    assert not re.search(r"\bluck", shown, re.IGNORECASE)


@pytest.mark.parametrize("name", ANALYSES)
def test_a_result_is_named_after_its_command(name):
    result = inspect.get_annotations(ANALYSES[name], eval_str=False)["return"]
    assert result == f"{name.title().replace('-', '')}Result"
    assert name == getattr(sim, result).COMMAND


def test_former_names_are_of_commands_that_there_are():
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)
