"""Workbooks read from their XML, changed cell by cell, and calculated again by LibreOffice."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
"""Every sheet, in UTF-8, with all digits."""
SECONDS = 300


class Cell:
    """A cell: its value, and its formula or None."""

    def __init__(self, value: str | float | None, formula: str | None) -> None:
        self.value = value
        self.formula = formula


def sheet_names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        root = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    return [sheet.attrib["name"] for sheet in root.iter(f"{SPACE}sheet")]


def cells(path: Path, sheet: str) -> dict[str, Cell]:
    """Return the cells of a sheet by their address."""
    number = sheet_names(path).index(sheet) + 1
    with zipfile.ZipFile(path) as archive:
        shared = ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
        root = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
    texts = ["".join(part.text or "" for part in item.iter(f"{SPACE}t")) for item in shared]
    found = {}
    for cell in root.iter(f"{SPACE}c"):
        raw, formula = cell.find(f"{SPACE}v"), cell.find(f"{SPACE}f")
        text = None if raw is None else raw.text or ""
        value = text
        if cell.get("t") == "s":
            value = texts[int(text)]
        elif cell.get("t") != "str" and text:
            value = float(text)
        found[cell.attrib["r"]] = Cell(value, None if formula is None else formula.text)
    return found


def place_of(address: str) -> tuple[int, int]:
    """Return row and column, from 0."""
    letters, digits = re.fullmatch(r"([A-Z]+)(\d+)", address).groups()
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(digits) - 1, column - 1


def calculated(path, folder, changes=None):
    """Calculate a workbook again without its stored values; return the rows of each sheet.

    `changes` are numbers by sheet and address.
    """
    names = sheet_names(path)
    bare = folder / "bare.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bare, "w") as target:
        for item in source.namelist():
            content = source.read(item)
            number = re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", item)
            if number:
                own = (changes or {}).get(names[int(number[1]) - 1], {})
                content = _bare(content.decode(), own).encode()
            target.writestr(item, content)
    profile = (folder / "profile").resolve().as_uri()
    subprocess.run(
        [OFFICE, "--headless", f"-env:UserInstallation={profile}", "--convert-to", CSV, bare.name],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    found = {}
    for name in names:
        with (folder / f"bare-{name}.csv").open(encoding="utf-8", newline="") as stream:
            found[name] = list(csv.reader(stream))
    return found


def _bare(text, changes):
    text = re.sub(r"</f><v>[^<]*</v>", "</f>", text)
    text = re.sub(r'(<c [^>]*?) t="str"(>(?=<f>))', r"\1\2", text)
    for address, value in changes.items():
        text, count = re.subn(rf'(<c r="{address}"[^>]*><v>)[^<]*', rf"\g<1>{value!r}", text)
        assert count == 1
    return text


def number(text):
    """Return a number as LibreOffice writes it; a share has a percent sign."""
    return float(text[:-1]) / 100.0 if text.endswith("%") else float(text)
