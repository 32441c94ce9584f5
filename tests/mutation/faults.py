"""The list of faults: single lines of the program that were made wrong on purpose.

`faults.yaml` lists them by the file that they are in. A fault replaces one line, which the file
holds once or, with `after`, is the first of its kind after that line. Indentation is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

LIST: Final = Path(__file__).with_name("faults.yaml")


@dataclass(frozen=True)
class Fault:
    """A line of the program and the wrong one that takes its place.

    Attributes
    ----------
    name
        The file without its folder and suffix, and the number among the faults of that file.
    file
        Path from the root of the repository.
    old, new
        The line and its replacement, without indentation.
    wrong
        What goes wrong, in a phrase.
    tests
        Files or node ids of pytest that are nearest, and should fail.
    after
        A line that the file holds once and that comes before, where `old` stands there often.
    equivalent
        Why no test can notice the fault; empty where one should.
    """

    name: str
    file: str
    old: str
    new: str
    wrong: str
    tests: tuple[str, ...]
    after: str = ""
    equivalent: str = ""

    def place(self, text: str) -> int:
        """Return the number of the line in the text of the file, the first is 0.

        Raises
        ------
        ValueError
            Where the file does not hold the line, or it is not clear which is meant.
        """
        lines = [line.strip() for line in text.splitlines()]
        first = _only(lines, self.after) + 1 if self.after else 0
        if self.after and self.old in lines[first:]:
            return lines.index(self.old, first)
        return _only(lines, self.old)

    def applied(self, text: str) -> str:
        """Return the text of the file with the fault."""
        place = self.place(text)
        lines = text.splitlines(keepends=True)
        lines[place] = lines[place].replace(self.old, self.new)
        return "".join(lines)


def _only(lines: list[str], wanted: str) -> int:
    found = lines.count(wanted)
    if found != 1:
        message = f"stands there {found} times: {wanted}"
        raise ValueError(message)
    return lines.index(wanted)


def load_faults(path: Path = LIST) -> list[Fault]:
    """Read the list, in its order."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    listed = yaml.load(path.read_text(encoding="utf-8"), loader)
    return [
        Fault(
            **{
                **each,
                "name": f"{Path(file).parent.name}.{Path(file).stem}.{number}",
                "file": file,
                "tests": tuple(each["tests"]),
            }
        )
        for file, faults in listed.items()
        for number, each in enumerate(faults, start=1)
    ]
