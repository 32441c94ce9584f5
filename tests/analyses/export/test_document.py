"""The document: the items of CHEERS in their order, our numbers, and labels that stay text."""

import io
import re
import zipfile
from xml.etree import ElementTree

import docx
import pytest

import sim
from sim.analyses.export.document import ITEMS, TO_ADD
from tests.support.figures import drawn
from tests.support.places import SMALLER

MAIN = SMALLER / "first_salvage.yaml"
SIZES = {"draws": 12, "patients": 40}
TITLE = "=a\tb\rc\x07<w:p>"
ODD = ("=1+1", "{ TOC }", "-2", "<w:p>&amp;]]>", "$x_y$ \\frac", "@SUM(A1)")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of a run, 12 draws of 40 patients, and a one-way analysis."""
    folder = tmp_path_factory.mktemp("results")
    scenario = sim.Scenario.load(MAIN)
    sim.psa(scenario, **SIZES, out=folder, cached=False)
    sim.run(scenario, out=folder)
    sim.tornado(scenario, patients=50, out=folder)
    return folder


@pytest.fixture(scope="module")
def path(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("word")
    with drawn():
        sim.export(MAIN, to="word", from_=results, out=folder)
    return folder / "export.docx"


def headings(document, level):
    return [p.text for p in document.paragraphs if p.style.name == f"Heading {level}"]


def rows_of(table):
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_the_items_of_cheers_come_in_their_order(path):
    found = headings(docx.Document(path), 2)
    assert [re.match(r"(\d+)\. ", text)[1] for text in found] == [str(n) for n in range(1, 29)]
    assert [text.split(". ", 1)[1] for text in found] == [topic for topic, _ in ITEMS]
    assert headings(docx.Document(path), 1) == [
        *("Title and abstract", "Introduction", "Methods", "Results", "Discussion"),
        *("Other relevant information", "Appendix: inputs", "Appendix: sources"),
    ]


def test_what_no_model_knows_is_left_to_the_authors_and_marked(path):
    marked = [
        run.text
        for paragraph in docx.Document(path).paragraphs
        for run in paragraph.runs
        if run.font.highlight_color is not None
    ]
    assert marked == [TO_ADD] * 6


def test_tables_hold_the_numbers_of_the_run_and_every_input(path, results):
    tables = [rows_of(table) for table in docx.Document(path).tables]
    run = sim.RunResult.read(MAIN, results)
    qalys = run.strategies.query("outcome == 'qalys'")["mean"]
    (row,) = (row for row in tables[2] if row[0] == "QALYs")
    assert [cell.split(" ")[0] for cell in row[1:]] == [f"{value:.3f}" for value in qalys]
    inputs = next(table for table in tables if table[0][0] == "Input" and len(table[0]) == 6)
    assert [row[0] for row in inputs[1:]] == run.inputs["label"].tolist()
    assert all(row[-1] or row[-2] in ("definition", "assumption") for row in inputs[1:])


def test_every_source_that_an_input_names_has_its_citation(path):
    tables = [rows_of(table) for table in docx.Document(path).tables]
    inputs = next(table for table in tables if table[0][0] == "Input" and len(table[0]) == 6)
    cited = {row[0]: row[1] for row in tables[-1][1:]}
    catalogue = sim.Scenario.load(MAIN).question.catalogue.sources
    named = {word for row in inputs[1:] for word in row[-1].split("; ") if word in catalogue}
    assert len(named) > 20
    assert named <= set(cited)
    assert all(cited[key].startswith(catalogue[key].citation) for key in named)


def test_analyses_beside_the_run_are_shown(path):
    assert headings(docx.Document(path), 3) == ["One-way sensitivity analysis"]


def test_every_picture_says_what_it_shows(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read("word/document.xml").decode()
    shown = re.findall(r'<wp:docPr [^>]*descr="([^"]+)"', text)
    assert len(shown) == text.count("<wp:inline") == 6
    assert "Cost-effectiveness plane, noise taken out." in shown


@pytest.mark.slow
@pytest.mark.draws
def test_the_same_results_give_the_same_document(path, results, tmp_path):
    sim.export(MAIN, to="word", from_=results, out=tmp_path)
    assert (tmp_path / "export.docx").read_bytes() == path.read_bytes()


@pytest.mark.slow
@pytest.mark.draws
def test_no_label_breaks_out_of_the_page_or_the_pictures(tmp_path):
    """Control characters, tags, fields and mathematical text in title and labels."""
    scenario = sim.Scenario.load(MAIN).with_(
        title=TITLE,
        description=ODD[1],
        patients=60,
        strategies=[
            {"name": f"s{i}", "label": text, "sequence": sequence, "then": "usual_care"}
            for i, (text, sequence) in enumerate(
                zip(ODD, [["salvage_chemotherapy"], *[["blinatumomab"]] * 5], strict=True)
            )
        ],
        comparator="s0",
    )
    sim.export(scenario, to="word", draws=6, patients=20, out=tmp_path, cached=False)
    content = (tmp_path / "export.docx").read_bytes()
    document = docx.Document(io.BytesIO(content))
    assert document.paragraphs[0].text == "=a b c <w:p>"
    texts = [text for table in document.tables for row in rows_of(table) for text in row]
    assert {*ODD} <= {*texts}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")):
                root = ElementTree.fromstring(archive.read(name))
                assert not [e for e in root.iter() if e.tag.endswith(("fldSimple", "instrText"))]
                assert b'TargetMode="External"' not in archive.read(name)
