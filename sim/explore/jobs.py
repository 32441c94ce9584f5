"""Long work beside the page: an analysis or a report as a process that can be cancelled."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from sim.analyses.shared.store import progress_of

LAST_LINES: Final = 3
PATIENCE_SECONDS: Final = 5.0


class Job:
    """A command of the program, running or ended.

    Parameters
    ----------
    name
        Of the command.
    arguments
        The words after it.
    folder
        The folder that it works in.
    results
        The folder into which it writes results, whose chunks show how far it is.
    done
        What to say once it has ended well.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], folder: Path, results: Path | None, done: str
    ) -> None:
        self.name = name
        self.results = results
        self.done = done
        self.is_cancelled = False
        self._errors = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - until `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sim", name, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    @property
    def is_running(self) -> bool:
        """Whether it is not yet at its end."""
        return self._process.poll() is None

    def status(self) -> dict[str, Any]:
        """Return the name, the state, the share done if known, and a line for the reader."""
        if self.is_running:
            share = None if self.results is None else progress_of(self.results)
            return {"name": self.name, "state": "running", "share": share, "text": ""}
        if self.is_cancelled:
            return {"name": self.name, "state": "cancelled", "share": None, "text": "Cancelled."}
        if self._process.returncode == 0:
            return {"name": self.name, "state": "done", "share": 1.0, "text": self.done}
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()[-LAST_LINES:]
        return {"name": self.name, "state": "failed", "share": None, "text": " ".join(lines)}

    def cancel(self) -> None:
        """End it; results are written whole or not at all."""
        if self.is_running:
            self.is_cancelled = True
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def close(self) -> None:
        """End it, and forget what it said."""
        self.cancel()
        self._errors.close()
