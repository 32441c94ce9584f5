"""Files that come with the program: the scenarios, and evidence, protocol and results of the fit.

In a clone they lie beside the package, where people read and change them; a wheel holds the same
folders inside of the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sim.errors import UserError
from sim.files.documents import exists

PACKAGE: Final = Path(__file__).resolve().parents[1]
SHIPPED: Final = "shipped"
"""Folder of the package in a wheel; there is none in a clone."""
SCENARIOS: Final = "scenarios"
PROTOCOLS: Final = "calibration"
YAML: Final = ".yaml"


def shipped_folder() -> Path:
    """Return the folder that holds ``scenarios`` and ``calibration``."""
    # The wheel's own first: beside an installed package lie those of other projects.
    inside = PACKAGE / SHIPPED
    return inside if inside.is_dir() else PACKAGE.parent


def shipped_files(kind: str) -> dict[str, Path]:
    """Return by name the files of a folder that comes with the program: scenarios or protocols."""
    return {path.stem: path for path in sorted((shipped_folder() / kind).glob(f"*{YAML}"))}


def find_file(given: Path, kind: str) -> tuple[Path, str]:
    """Return the path of a file that a user names, and its name in messages.

    A file wins that exists. Otherwise a name without a folder, with or without ``.yaml``, may be
    that of a file in the folder `kind` that comes with the program.

    Raises
    ------
    UserError
        When a name without folder and ending is neither, with the nearest name.
    """
    if len(given.parts) != 1 or given.suffix not in ("", YAML):
        return given, str(given)
    known = shipped_files(kind)
    name = given.name.removesuffix(YAML)
    # A folder of the name, of results for instance, is no scenario.
    is_there = exists(given) and not (given.is_dir() and name in known)
    if is_there or (given.suffix and name not in known):
        return given, str(given)
    if name in known:
        return known[name], f"{name}{YAML}"
    problem = f"no such file, and none of this name among the {kind} that come with the program"
    raise UserError(problem, file=given, value=name, choices=known)
