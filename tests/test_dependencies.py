"""Every dependency is declared, used and described, with the licence that the package itself names."""

import ast
import os
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.places import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PARTS = {
    "run": PYPROJECT["project"]["dependencies"],
    **PYPROJECT["project"]["optional-dependencies"],
    **PYPROJECT["dependency-groups"],
}
DECLARED = {
    (canonicalize_name(Requirement(each).name), part)
    for part, requirements in PARTS.items()
    for each in requirements
}
ROW = re.compile(r"^\| ([\w-]+) \| (\w+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TABLE = ROW.findall((ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"))[1:]
OURS = {"sim", "tests", "bench"}
RELEASED_WITH = {"pydantic-core": "pydantic"}
"""Parts of a package that have a distribution of their own, of exactly one version."""
FAMILIES = {"MIT": "MIT", "BSD": "BSD", "Apache": "Apache", "Python Software Foundation": "PSF"}


def imported(*folders):
    """Return the distributions that the Python files of some folders import from outside."""
    found = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add(node.module.split(".")[0])
    outside = found - OURS - sys.stdlib_module_names
    installed = packages_distributions()
    names = {canonicalize_name(installed.get(name, [name])[0]) for name in outside}
    return {RELEASED_WITH.get(name, name) for name in names}


def declared(*parts):
    return {name for name, part in DECLARED if part in parts}


def test_the_program_imports_what_it_declares_and_nothing_else():
    assert imported("sim") == declared("run", "calibration", "cluster", "explore", "office")


def test_tests_and_benchmarks_import_only_what_is_declared():
    assert imported("tests", "bench") <= declared(*PARTS)


def test_every_dependency_stands_in_the_table_once_and_nothing_else_does():
    rows = [(canonicalize_name(name), part) for name, part, *_ in TABLE]
    assert len(rows) == len(set(rows))
    assert set(rows) == DECLARED


@pytest.mark.parametrize(("name", "licence"), [(name, licence) for name, _, licence, _ in TABLE])
def test_the_licence_is_the_one_that_the_package_names(name, licence):
    """Older packages name none of the SPDX list, but a family of licences, in words."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        pytest.skip("not installed")
    if said.get("License-Expression"):
        assert licence == said.get("License-Expression")
        return
    words = " ".join([*said.get_all("Classifier", []), said.get("License") or ""])
    families = {family for word, family in FAMILIES.items() if word in words}
    assert licence.startswith(tuple(families))


def test_each_run_outside_the_lock_is_a_program_that_takes_its_versions_from_the_project():
    script = ROOT / ".ci" / "versions"
    text = script.read_text(encoding="utf-8")
    assert os.access(script, os.X_OK)
    assert "--requirements pyproject.toml" in text
    assert not re.search(r"https?://|[a-z]==", text)
