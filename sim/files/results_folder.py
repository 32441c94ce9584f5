"""A file that the user names in an option.

A folder of results, written whole or not at all (`sim.files.atomic`), next to those of others.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from sim.errors import UserError
from sim.files import atomic
from sim.files.atomic import Content, drafts_in, write_new_folder
from sim.files.documents import exists


def check_file(path: Path, option: str) -> None:
    """Refuse a file that cannot be written, before work goes into it.

    Raises
    ------
    UserError
        When it is a folder, or its folder can neither be written nor made.
    """
    with refused_as(option, path):
        if path.is_dir():
            raise UserError("is a folder, not a file", key=option, value=str(path))
        existing = path.parent
        while not existing.exists():
            existing = existing.parent
        if not existing.is_dir():
            problem = f"lies below '{existing.name}', which is not a folder"
            raise UserError(problem, key=option, value=str(path))
        if not os.access(existing, os.W_OK):
            raise UserError("lies in a folder that cannot be written", key=option, value=str(path))


def write_file(path: Path, content: atomic.Content, option: str) -> None:
    """Write a file whole or not at all, text in UTF-8; folders on the way are made.

    Raises
    ------
    UserError
        When it cannot be written there; a previous file stays.
    """
    check_file(path, option)
    with refused_as(option, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_file(path, content)


@contextmanager
def refused_as(option: str, path: Path, more: str = "") -> Iterator[None]:
    """Say that the system refuses to write what an option names; `more` follows the reason."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        # A loop of links is a RuntimeError, a zero byte in a name a ValueError.
        reason = getattr(error, "strerror", None) or str(error)
        problem = f"cannot be written: {reason}" + (f"; {more}" if more else "")
        raise UserError(problem, key=option, value=str(path)) from None


OPTION: Final = "--out"
PROBE: Final = ".blinsim-probe-"
"""An empty folder that is made to see whether one can be."""
PROVENANCE: Final = "provenance.json"
OF_A_RUN: Final = "summary.json"
_Content = TypeVar("_Content")


def check_folder(folder: Path, names: Collection[str]) -> None:
    """Refuse a folder that cannot take files of these names, before hours go into them.

    Raises
    ------
    UserError
        When `folder` is a file, a name in it is taken by a folder, or it or its nearest
        existing parent cannot be written.
    """
    with refused_as(OPTION, folder):
        real = folder.resolve()
        if exists(real) and not real.is_dir():
            raise _wrong(folder, "is a file, not a folder")
        for name in names:
            if (real / name).is_dir():
                raise _wrong(folder, f"holds a folder of the name '{name}'")
        existing = real
        while not exists(existing):
            existing = existing.parent
        if not existing.is_dir():
            raise _wrong(folder, f"lies below '{existing.name}', which is not a folder")
        with tempfile.TemporaryDirectory(prefix=PROBE, dir=existing):
            pass
        for left in existing.glob(f"{PROBE}*"):
            # Of a program that was killed, or of one that is testing the folder at this moment.
            with suppress(OSError):
                left.rmdir()


def write_folder(folder: Path, contents: Mapping[str, Content], names: Collection[str]) -> None:
    """Write `contents` by file name, text in UTF-8, into `folder`, which is made when it is not there.

    Every file in it that has one of `names` is replaced or, if it is not written this time,
    removed, so that no file of an earlier run is left among those of this one. Other files
    are left alone.

    Raises
    ------
    UserError
        When the folder cannot be written; it is then as it was.
    """
    check_folder(folder, names)
    with refused_as(OPTION, folder):
        real = folder.resolve()
        if not real.exists():
            real.parent.mkdir(parents=True, exist_ok=True)
            write_new_folder(real, contents)
            return
        # Inside the folder, which may be a disk of its own or all that may be written.
        with drafts_in(real) as drafts:
            write_new_folder(drafts / "new", contents)
            _exchange(drafts / "new", real, drafts / "old", names)


def write_analysis(
    folder: Path, analysis: str, contents: Mapping[str, Content], names: Collection[str]
) -> None:
    """Write the files of an analysis as `write_folder` does, next to those of others.

    Raises
    ------
    UserError
        When the folder cannot be written; it is then as it was.
    """
    if OF_A_RUN in contents:
        write_folder(folder, {**contents, **_set_aside(folder)}, names)
        return
    write_folder(
        folder,
        beside_others(folder, analysis, contents),
        beside_others(folder, analysis, dict.fromkeys(names)),
    )


def beside_others(
    folder: Path, analysis: str, contents: Mapping[str, _Content]
) -> dict[str, _Content]:
    """Return files of an analysis under the names that they have in a folder.

    ``provenance.json`` is that of the run in it, or else of the first analysis; that of
    another analysis is ``provenance_ANALYSIS.json``.
    """
    if not exists(folder / OF_A_RUN) and _analysis_in(folder) in (None, analysis):
        return dict(contents)
    own = {PROVENANCE: _provenance_of(analysis)}
    return {own.get(name, name): content for name, content in contents.items()}


def _set_aside(folder: Path) -> dict[str, bytes]:
    """Return, by its new name, the provenance of an analysis that a run would overwrite."""
    analysis = _analysis_in(folder)
    if analysis is None:
        return {}
    return {_provenance_of(analysis): (folder / PROVENANCE).read_bytes()}


def _provenance_of(analysis: str) -> str:
    return f"provenance_{analysis}.json"


def _analysis_in(folder: Path) -> str | None:
    """Return the analysis of a folder's ``provenance.json``; None for that of a run, or none."""
    try:
        analysis = json.loads((folder / PROVENANCE).read_bytes()).get("analysis")
    except (OSError, ValueError, AttributeError):
        return None
    return analysis if isinstance(analysis, str) and analysis.isidentifier() else None


def _exchange(fresh: Path, folder: Path, old: Path, names: Collection[str]) -> None:
    """Move the fresh files in and those that they replace out; undo it all on any failure."""
    incoming = sorted(path.name for path in fresh.iterdir())
    outgoing = [name for name in sorted({*names, *incoming}) if (folder / name).exists()]
    old.mkdir()
    try:
        for name in outgoing:
            (folder / name).rename(old / name)
        for name in incoming:
            (fresh / name).rename(folder / name)
    except BaseException:
        for name in incoming:
            if not (fresh / name).exists():
                (folder / name).unlink()
        for path in old.iterdir():
            path.rename(folder / path.name)
        raise


def _wrong(folder: Path, problem: str) -> UserError:
    return UserError(problem, key=OPTION, value=str(folder))
