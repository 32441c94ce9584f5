"""The repository keeps its promises: one version, a clean lock, layers that hold, a README that works."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sim
from tests.support.each import for_each
from tests.support.places import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("requirements.lock", "requirements-dev.lock")
}
EACH_LOCK = pytest.mark.parametrize("lock", LOCKS)
LONGEST_MODULE_LINES = 600
LONGEST_FUNCTION_LINES = 60
CHANGE_HEADINGS = {"Added", "Changed", "Fixed", "Changes results"}

# The package from the bottom up: a layer imports itself and those before it. `__init__` stands for
# `from sim import ...`, which offers the functions of `sim.analyses` and their results.
LAYERS = (
    *("errors", "limits", "version", "registry", "files", "spread"),
    *("catalog", "clinic", "engine", "economics", "scenario"),
    *("simulation", "replay", "evidence"),
    *("layout", "analyses", "report", "explore", "__init__", "commands", "cli", "__main__"),
)
# What some layers may not import, although it is below them or no part of the package.
FORBIDDEN_IMPORTS = {
    "clinic": {"sim.catalog", "numpy", "pandas", "pydantic", "simpy", "yaml"},
    "engine": {"sim.catalog", "pydantic", "yaml"},
}
# A file that a table of Markdown links to.
LINK = re.compile(r"\]\(([\w./-]+\.py)\)")
# A folder of one machine, at the start of a path and not inside an address.
MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:root|work|home/\w+|Users/\w+)/")


def project_files() -> list[Path]:
    """List the tracked files, or every file outside hidden folders where nothing is tracked."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        encoding="utf-8",
    ).stdout.split("\0")
    tracked = [ROOT / name for name in listed if name]
    everything = (path for path in ROOT.rglob("*") if not hidden(path.relative_to(ROOT)))
    return sorted(path for path in tracked or everything if path.is_file())


def hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parent.parts)


def files(pattern: str) -> list[Path]:
    found = sorted(path for path in ROOT.glob(pattern) if "__pycache__" not in path.parts)
    assert found, f"nothing matches {pattern}"
    return found


def cases(pattern: str) -> dict[str, dict[str, Path]]:
    """Return the files that match, each as a case of a test about every one."""
    return {path.relative_to(ROOT).as_posix(): {"path": path} for path in files(pattern)}


def imported_modules(source: str) -> Iterator[str]:
    """Name what a module imports; `from sim import x` counts as `sim.x`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(path: Path) -> str:
    """Return the name of a module of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


@cache
def import_graph() -> dict[str, set[str]]:
    """Return the modules of the package that each imports.

    Imports inside functions and those for type checkers count: whoever names a module depends on it.
    """
    modules = {dotted(path): path for path in files("sim/**/*.py")}
    return {
        module: {
            name if name in modules else name.rpartition(".")[0]
            for name in imported_modules(path.read_text(encoding="utf-8"))
            if f"{name}.".startswith("sim.")
        }
        for module, path in modules.items()
    }


def imports_from_above(layer: str, graph: Mapping[str, set[str]]) -> set[str]:
    above = LAYERS[LAYERS.index(layer) + 1 :]
    return {
        f"{module} imports {name}"
        for module, names in graph.items()
        for name in names
        if layer_of(module) == layer and layer_of(name) in above
    }


def long_functions(path: Path) -> Iterator[str]:
    """Name the functions of a file that are too long, docstrings included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION_LINES:
                yield f"{path.relative_to(ROOT).as_posix()}: {node.name}"


def forbidden_imports(source: str, layer: str) -> list[str]:
    return [
        name
        for name in imported_modules(source)
        if any(f"{name}.".startswith(f"{other}.") for other in FORBIDDEN_IMPORTS[layer])
    ]


def newest_change() -> re.Match[str]:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entry = re.search(
        r"^## (?P<version>\d[\w.]*) - (?P<date>\d{4}-\d\d-\d\d)$(?P<text>.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    assert entry is not None, "CHANGELOG.md has no heading like '## 0.1.0 - 2026-11-20'"
    return entry


def setup_commands(readme: str) -> list[str]:
    block = re.search(
        r"^<!-- setup-commands -->\n```bash\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL
    )
    assert block is not None, "README.md has no block of set-up commands"
    return block.group(1).splitlines()


# Versions


def test_package_pyproject_citation_and_changelog_name_the_same_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    released = newest_change()
    assert sim.__version__ == PYPROJECT["project"]["version"]
    assert citation["version"] == sim.__version__
    assert released["version"] == sim.__version__
    assert str(citation["date-released"]) == released["date"]
    assert citation["license"] == PYPROJECT["project"]["license"] == "MIT"


def test_newest_change_says_what_it_does_to_results() -> None:
    headings = re.findall(r"^### (.+)$", newest_change()["text"], re.MULTILINE)
    assert "Changes results" in headings
    assert set(headings) <= CHANGE_HEADINGS


# Lock


def locked(name: str) -> dict[str, str]:
    """Return the version of each package of a lock."""
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", LOCKS[name], re.MULTILINE))


@EACH_LOCK
def test_lock_holds_no_address(lock: str) -> None:
    assert not re.search(r"https?://|file://|--index|--find-links", LOCKS[lock])
    assert not MACHINE_PATH.search(LOCKS[lock])


def test_no_lock_file_with_addresses_is_kept() -> None:
    names = {path.name for path in project_files()}
    assert names.isdisjoint({"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"})


@EACH_LOCK
def test_every_locked_package_is_exact_and_has_a_hash(lock: str) -> None:
    entries = re.findall(r"^\S.*?(?=^[^\s#]|\Z)", LOCKS[lock], re.MULTILINE | re.DOTALL)
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) > 20
    for package in packages:
        assert re.match(r"[\w-]+==[\w.]+( ; [^\\]+)? \\\n +--hash=sha256:[0-9a-f]{64}", package)


def test_both_locks_give_the_same_versions_and_that_of_a_run_holds_no_tool() -> None:
    run, develop = map(locked, LOCKS)
    assert run.items() < develop.items()
    assert run.keys().isdisjoint({"pytest", "mypy", "ruff", "jax", "numpyro", "playwright"})


def test_lock_of_a_run_satisfies_the_project_and_that_of_developers_every_group() -> None:
    groups = PYPROJECT["dependency-groups"].values()
    wanted = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["build-system"]["requires"]]
    everything = [*wanted, *(each for group in groups for each in group)]
    for lock, lines in (("requirements.lock", wanted), ("requirements-dev.lock", everything)):
        for requirement in map(Requirement, lines):
            version = locked(lock)[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{lock} does not satisfy {requirement}"


# README and continuous integration


def test_readme_gives_two_commands_that_start_from_nothing() -> None:
    run, test = setup_commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert run.startswith("python3 -m venv .venv && ")
    assert "--require-hashes -r requirements.lock" in run
    assert run.endswith(" -m sim run scenarios/first_salvage.yaml")
    assert "--require-hashes -r requirements-dev.lock" in test
    assert test.endswith(" && .venv/bin/python -m pytest")


def test_ci_runs_the_commands_of_the_readme_and_holds_no_copy() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert os.access(script, os.X_OK)
    assert "<!-- setup-commands -->" in text
    assert "pip install" not in text
    assert "sim run" not in text


# Scenarios and modules


@pytest.mark.parametrize("path", sorted(ROOT.glob("scenarios/*.yaml")), ids=lambda path: path.name)
def test_shipped_scenario_is_valid(path: Path) -> None:
    from sim.scenario.loading import load_scenario

    assert load_scenario(path) is not None


def test_main_scenario_is_shipped() -> None:
    assert (ROOT / "scenarios" / "first_salvage.yaml").is_file()


@for_each(cases("sim/**/*.py"))
def test_module_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE_LINES


def test_functions_are_short_enough_to_read() -> None:
    found = [name for path in files("sim/**/*.py") for name in long_functions(path)]
    assert found == []


def test_every_folder_and_module_of_the_package_has_its_layer() -> None:
    found = {layer_of(dotted(path)) for path in files("sim/**/*.py")}
    assert found == set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_imports_nothing_from_above(layer: str) -> None:
    assert imports_from_above(layer, import_graph()) == set()


def test_imports_from_above_are_seen() -> None:
    graph = {"sim.clinic.units": {"sim.engine.life", "sim.errors"}, "sim.cli": {"sim.clinic.units"}}
    assert imports_from_above("clinic", graph) == {"sim.clinic.units imports sim.engine.life"}
    assert imports_from_above("cli", graph) == set()


def test_modules_import_one_another_in_no_circle() -> None:
    try:
        TopologicalSorter(import_graph()).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("layer", FORBIDDEN_IMPORTS)
def test_layer_imports_nothing_forbidden(layer: str) -> None:
    found = {
        path.relative_to(ROOT).as_posix(): names
        for path in files(f"sim/{layer}/**/*.py")
        if (names := forbidden_imports(path.read_text(encoding="utf-8"), layer))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import yaml", ["yaml"]),
        ("def f():\n    import numpy.linalg", ["numpy.linalg"]),
        ("from sim import catalog", ["sim.catalog"]),
        ("from sim.catalog.parameter import Parameter", ["sim.catalog.parameter.Parameter"]),
        ("from sim.clinic.units import DAYS_PER_YEAR\nimport math\nimport yamllike", []),
    ],
)
def test_forbidden_imports_are_seen(source: str, expected: list[str]) -> None:
    assert forbidden_imports(source, "clinic") == expected


# The evidence that the model is right


def test_the_index_of_verification_names_every_file_of_its_folder_and_none_that_is_not_there() -> (
    None
):
    folder = ROOT / "tests" / "verification"
    named = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    there = {path.name for path in files("tests/verification/test_*.py")}
    assert {name for name in named if not (folder / name).is_file()} == set()
    assert there - named == set()


def test_every_test_that_the_readme_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/.*]+)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not list(ROOT.glob(name))] == []


@for_each(cases("tests/**/test_*.py"))
def test_test_file_asserts_something(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    assert any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Attribute) and node.attr in {"raises", "assert_allclose"})
        for node in nodes
    )


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = []
    for path in project_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match}" for match in MACHINE_PATH.findall(text)]
    assert found == []


@pytest.mark.parametrize("folder", ["root", "work", "home/someone", "Users/someone"])
def test_folders_of_one_machine_are_seen(folder: str) -> None:
    assert MACHINE_PATH.search(f"see /{folder}/notes.txt")
    assert MACHINE_PATH.search(f"file:///{folder}/notes.txt")
    assert not MACHINE_PATH.search(f"https://example.org/{folder}/notes.txt")


# The installed program


def test_help_starts_without_the_heavy_libraries() -> None:
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "sim", "--help"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert shown.returncode == 0, shown.stderr[-2000:]
    assert "\n  run " in shown.stdout
    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "sim.cli" in imported
    assert imported.isdisjoint({"numpy", "pandas", "pydantic", "rich", "scipy", "simpy"})


def test_run_with_cached_machine_code_imports_neither_a_compiler_nor_tables() -> None:
    command = (sys.executable, "-X", "importtime", "-m", "sim", "run", "first_salvage")
    for _ in range(2):
        done = subprocess.run(
            [*command, "--patients", "10"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            encoding="utf-8",
        )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "sim.simulation.core_run" in imported
    assert imported.isdisjoint({"numba", "pandas", "pyarrow", "scipy", "matplotlib"})


def test_wheel_holds_every_module_the_catalogue_and_what_checks_compare_with(
    tmp_path: Path,
) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    inside = [
        *files("sim/**/*.py"),
        *files("sim/catalog/data/**/*.*"),
        *files("sim/analyses/verify/checks.yaml"),
        *files("sim/analyses/verify/frozen/*.*"),
        *files("sim/analyses/verify/by_hand/*.*"),
    ]
    beside = [*files("scenarios/*.yaml"), *files("calibration/**/*.yaml")]
    wanted = {path.relative_to(ROOT).as_posix() for path in inside}
    wanted |= {f"sim/shipped/{path.relative_to(ROOT).as_posix()}" for path in beside}
    assert wanted - packed == set()
    assert wheel.name == f"blinsim-{sim.__version__}-py3-none-any.whl"
