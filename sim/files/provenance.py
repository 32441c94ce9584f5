"""The program behind a result: the commit of its source tree and a hash of its source."""

from __future__ import annotations

import hashlib
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1]
SUFFIXES: Final = frozenset({".py", ".yaml", ".csv"})


@cache
def source_hash() -> str:
    """Hash the names and contents of all modules and data files of the program."""
    digest = hashlib.sha256()
    for path in sorted(path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES):
        content = path.read_bytes()
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
