"""The provenance of a result: enough to reproduce it, nothing about the machine or its user."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from sim.files.provenance import commit
from sim.simulation.question import Question
from sim.simulation.run import Simulation
from sim.version import __version__

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
    """Hash the question: the resolved scenario, every parameter value and the life table.

    The table enters by its content, so that a user's file is identified by its content, not its
    name.
    """
    unsaid = {"title", "description", "life_table", "what_ifs"}
    asked = question.scenario.model_dump(mode="json", exclude=unsaid)
    asked["patients"], asked["seed"] = question.patients, question.seed
    tables = (question.model.life_table_male, question.model.life_table_female)
    content = {"scenario": asked, "numbers": dict(question.numbers), "life_tables": tables}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
