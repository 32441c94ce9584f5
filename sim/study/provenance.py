"""Where a result comes from: enough to make it again, nothing about the machine or its user."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from sim import __version__
from sim.study.question import Question
from sim.study.simulation import Simulation

PACKAGES: Final = ("simpy", "numpy", "pandas", "scipy", "pydantic", "PyYAML")


def provenance(simulation: Simulation) -> dict[str, Any]:
    """Return version, commit, scenario and its hash, seed, size and package versions."""
    question = simulation.question
    return {
        "program": "blinsim",
        "version": __version__,
        "commit": commit(),
        "scenario": Path(question.loaded.file).name,
        "scenario_sha256": fingerprint(question),
        "seed": question.seed,
        "patients": question.patients,
        "engine": simulation.engine,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def fingerprint(question: Question) -> str:
    """Hash what was asked: the resolved scenario, every parameter value and the life table.

    The table goes in by its content, so that a file of the user's counts for what it held.
    """
    unsaid = {"title", "description", "life_table", "what_ifs"}
    asked = question.scenario.model_dump(mode="json", exclude=unsaid)
    asked["patients"], asked["seed"] = question.patients, question.seed
    tables = (question.model.life_table_male, question.model.life_table_female)
    content = {"scenario": asked, "numbers": dict(question.numbers), "life_tables": tables}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def commit() -> str | None:
    """Return the commit of the source tree, marked when it was changed; None when installed."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--", "sim")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}+changed" if changed else head


def _git(folder: Path, *arguments: str) -> str:
    # A hook's variables would speak of another repository.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", f"safe.directory={folder}", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout.strip()
