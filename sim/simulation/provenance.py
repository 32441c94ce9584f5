"""The provenance of a result: enough to reproduce it, nothing about the machine or its user.

The program behind it is the commit of its source tree and a hash of its source.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from sim.catalog.distribution import Fixed
from sim.files.shipped import SHIPPED
from sim.simulation.question import Question
from sim.version import __version__

FIXED: Final = Fixed.family
PACKAGE: Final = Path(__file__).resolve().parents[1]
WINDOWS_ENDING: Final = b"\r\n"
SUFFIXES: Final = frozenset({".py", ".yaml", ".csv"})


@cache
def source_hash() -> str:
    """Hash the names and contents of all modules and data files of the program.

    The same in a clone and in a wheel, whatever the line endings.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES):
        if path.is_relative_to(PACKAGE / SHIPPED):
            continue
        content = path.read_bytes().replace(WINDOWS_ENDING, b"\n")
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def commit() -> str | None:
    """Return the commit of the source tree, marked when it was changed; None when installed."""
    folder = PACKAGE.parent
    if not (folder / ".git").exists():
        return None
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--", "sim")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}+changed" if changed else head


def _git(folder: Path, *arguments: str) -> str:
    # A hook's variables would refer to another repository.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", f"safe.directory={folder}", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout.strip()


PACKAGES: Final = ("simpy", "numpy", "pandas", "scipy", "pydantic", "PyYAML")


def provenance(question: Question, engine: str = "core") -> dict[str, Any]:
    """Return version, commit, scenario and its hash, seed, size, engine and package versions."""
    return {
        "program": "blinsim",
        "version": __version__,
        "commit": commit(),
        "scenario": Path(question.loaded.file).name,
        "scenario_sha256": fingerprint(question),
        "seed": question.seed,
        "patients": question.patients,
        **own_patients_json(question),
        "engine": engine,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def own_patients_json(question: Question) -> dict[str, Any]:
    """Return the entry on the user's own patients: file, digest, rows, given and drawn."""
    own = question.own_patients
    return {} if own is None else {"own_patients": own.described()}


def _own(question: Question) -> dict[str, Any]:
    """Return what the user's own catalogue says beside the numbers; nothing where there is none."""
    heads = {
        each.name: each.model_dump(mode="json", exclude={"label", "description", "parameters"})
        for each in question.catalogue.own
    }
    spreads = {
        name: [repr(parameter.distribution), parameter.stated_range, parameter.drawn_as]
        for name, parameter in question.parameters.items()
        if (parameter.is_own and parameter.distribution.family != FIXED) or parameter.drawn_as
    }
    return {"own": heads, "own_spreads": spreads} if heads or spreads else {}


def fingerprint(question: Question) -> str:
    """Hash the question: the resolved scenario, every parameter value, life table and own entries.

    A user's file enters by its content, not its name.
    """
    unsaid = {"title", "description", "life_table", "subgroups", "what_ifs", "catalogue"}
    asked = question.scenario.model_dump(mode="json", exclude=unsaid)
    asked["patients"], asked["seed"] = question.patients, question.seed
    if question.scenario.capacity is None:
        del asked["capacity"]
    tables = (question.model.life_table_male, question.model.life_table_female)
    content = {"scenario": asked, "numbers": dict(question.numbers), "life_tables": tables}
    content |= _own(question)
    if question.own_patients is not None:
        content["own_patients"] = question.own_patients.sha256
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
