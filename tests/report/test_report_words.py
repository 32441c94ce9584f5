"""The report holds no number of its own, and shows those of the files as is usual."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import jinja2
import pytest

import sim
import sim.report
from sim.economics.estimates import Estimate
from sim.layout.cells import (
    MINUS,
    fixed_text,
    money_text,
    number,
    number_text,
    percent,
    probability,
    typeset,
)

PACKAGE = Path(sim.report.__file__).parent
TEMPLATES = sorted((PACKAGE / "templates").glob("*.j2"))
MODULES = sorted(PACKAGE.glob("*.py"))
NUMBER = re.compile(r"\d")
MARKUP = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<[^>]*>", re.DOTALL)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_number_is_typed_into_a_template(path):
    """What is left when tags and expressions are taken away is words."""
    words = MARKUP.sub(" ", path.read_text(encoding="utf-8"))
    assert not NUMBER.search(words), words.strip()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_number_is_typed_into_an_expression_of_a_template(path):
    """A literal in an expression would be shown as if it came from a file."""
    found = jinja2.Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    shown = [
        node
        for output in found.find_all(jinja2.nodes.Output)
        for part in output.nodes
        if not isinstance(part, jinja2.nodes.TemplateData)
        for node in part.find_all(jinja2.nodes.Const)
        if not is_index(part, node)
    ]
    numbers = [n.value for n in shown if isinstance(n.value, int | float) or has_number(n.value)]
    assert not numbers


def is_index(part, const):
    """Whether a constant only says which part of a value is meant."""
    found = [*part.find_all(jinja2.nodes.Getitem)]
    if isinstance(part, jinja2.nodes.Getitem):
        found.append(part)
    return any(node.arg is const for node in found)


def has_number(value):
    return isinstance(value, str) and bool(NUMBER.search(value.replace("{:,}", "")))


ALLOWED = {
    "CHEERS 2022": "the name of the standard",
    "SHA-256 of what was asked": "the name of a hash",
    "sha256-": "the name of a hash, in the policy of the page",
    "http://www.w3.org/1999/xlink": "the name of a dialect of XML",
    "95": "the level of every interval, before '% interval'",
}
"""Words with digits in the modules of the page, and why they stand there."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_number_is_typed_into_the_sentences_of_the_report(path):
    """Formats, names of columns and patterns hold digits; what is shown does not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = [
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    ]
    comments = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    formats = [
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec
        for part in ast.walk(node.format_spec)
    ]
    patterns = [
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
        for part in ast.walk(node)
    ]
    skipped = {id(node) for node in (*documented, *comments, *formats, *patterns)}
    typed = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and NUMBER.search(node.value)
        and id(node) not in skipped
        and is_shown(node.value)
    ]
    assert not typed


def is_shown(text):
    """Whether a text is words for a reader: names of the program have letters and no spaces."""
    for word in ALLOWED:
        text = text.replace(word, "")
    is_name = " " not in text.strip() and re.search("[a-z]", text)
    return bool(NUMBER.search(text)) and not is_name


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (typeset(money_text(-1234.4, "$")), f"{MINUS}$1,234"),
        (typeset(money_text(-1234.4, "CHF ")), f"{MINUS}CHF 1,234"),
        (money_text(-0.2, "$"), "$0"),
        (number_text(0.012345), "0.0123"),
        (typeset(number_text(-12345.6)), f"{MINUS}12,346"),
        (percent(0.4567), "46\u00a0%"),
        (probability(0.0), "0.0\u00a0%"),
        (probability(0.0001), "<0.1\u00a0%"),
        (probability(0.9999), ">99.9\u00a0%"),
        (probability(1.0), "100.0\u00a0%"),
        (probability(0.995), "99.5\u00a0%"),
    ],
)
def test_a_number_is_shown_as_is_usual(shown, text):
    assert shown == text


@pytest.mark.parametrize(
    ("value", "shown"), [(-0.04, "0.0"), (0.0, "0.0"), (-0.06, "-0.1"), (1234.5, "1234.5")]
)
def test_no_number_is_minus_nought(value, shown):
    assert number(Estimate(value, 0.01), 1).value == shown
    assert fixed_text(value, 1).replace(",", "") == shown
