"""The example notebook runs from its first cell to its last and shows the answers saved in it."""

from __future__ import annotations

import os
import re

import pytest

from tests.support.places import ROOT

NOTEBOOK = ROOT / "docs" / "first_salvage.ipynb"
LONGEST_CELL_SECONDS = 600

nbformat = pytest.importorskip("nbformat")


@pytest.fixture(scope="module")
def written():
    """The notebook as it lies in the repository."""
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_holds_its_answers_and_no_path_of_a_machine(written):
    nbformat.validate(written)
    cells = [cell for cell in written.cells if cell.cell_type == "code"]
    assert cells
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell.outputs for cell in cells)
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users)/", NOTEBOOK.read_text("utf-8"))
    assert set(written.metadata) == {"kernelspec", "language_info"}


def test_it_says_that_it_is_no_advice(written):
    assert "It is not medical advice" in written.cells[0].source


def answer(cell):
    """Return the answer of a cell, by the type of its content."""
    return next(each for each in cell.outputs if each.output_type == "execute_result").data


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_cell_runs_and_shows_its_answer(written):
    client = pytest.importorskip("nbclient")
    ran = client.NotebookClient(
        written.copy(),
        timeout=LONGEST_CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    ).execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    cells = [cell for cell in ran.cells if cell.cell_type == "code"]
    shown = [answer(cell) for cell in cells]
    saved = [answer(cell) for cell in written.cells if cell.cell_type == "code"]
    for now, then in zip(shown, saved, strict=True):
        assert now["text/plain"] == then["text/plain"]
    assert all("text/plain" in data for data in shown)
    plots = [data for cell, data in zip(cells, shown, strict=True) if ".plot(" in cell.source]
    assert plots
    assert all("image/png" in data for data in plots)
    answers = "\n".join(data["text/plain"] for data in shown)
    assert "salvage_chemotherapy" in answers
    assert any("Net monetary benefit" in data.get("text/html", "") for data in shown)
    assert not [
        each
        for cell in cells
        for each in cell.outputs
        if each.output_type == "stream" and each.name == "stderr" and "rror" in each.text
    ]
