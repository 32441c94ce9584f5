"""The report is one page that needs nothing else and answers every item of the standard."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import sim
import sim.report
from sim.cli import commands
from sim.report.page import GLOSSARY, SECTIONS, SPELLINGS, UNEXPECTED, explained
from sim.report.question import STANDARD
from tests.support.figures import sketched
from tests.support.report_pages import SCENARIO, asked, page_of, read, section

LARGEST = 5_000_000
pytestmark = pytest.mark.draws


@pytest.fixture(params=["ran_page", pytest.param("full_page", marks=pytest.mark.slow)])
def report(request):
    """Either report."""
    return request.getfixturevalue(request.param)


# CHEERS


def test_every_item_of_the_reporting_standard_is_answered(report):
    (table,) = (t for t in report.all("table") if t.attributes.get("id") == "cheers")
    (body,) = table.all("tbody")
    rows = [[cell.text for cell in row.children] for row in body.all("tr")]
    assert [row[0] for row in rows] == [str(number) for number in range(1, 29)]
    assert all(len(row) == 4 and all(row) for row in rows)
    ids = {each.attributes["id"] for each in report.all("section")}
    links = [link.attributes["href"] for link in body.all("a")]
    assert len(links) == 28
    assert {link.removeprefix("#") for link in links} <= ids


TOPICS = """
Title; Abstract; Background and objectives; Health economic analysis plan; Study population;
Setting and location; Comparators; Perspective; Time horizon; Discount rate; Selection of outcomes;
Measurement of outcomes; Valuation of outcomes; Measurement and valuation of resources and costs;
Currency, price date, and conversion; Rationale and description of model;
Analytics and assumptions; Characterising heterogeneity; Characterising distributional effects;
Characterising uncertainty; Approach to engagement with patients and others affected by the study;
Study parameters; Summary of main results; Effect of uncertainty;
Effect of engagement with patients and others affected by the study;
Study findings, limitations, generalisability, and current knowledge; Source of funding;
Conflicts of interest
"""
"""Of Table 1 in Husereau et al., Value Health 2022;25:3-9, in its order."""


def test_items_are_those_of_the_standard_in_its_order(ran_page):
    (table,) = (t for t in ran_page.all("table") if t.attributes.get("id") == "cheers")
    (body,) = table.all("tbody")
    told = [row.children[1].text for row in body.all("tr")]
    printed = [" ".join(topic.split()) for topic in TOPICS.split(";")]
    assert len(told) == len(printed) == 28
    for ours, theirs in zip(told, printed, strict=True):
        assert set(words(ours)) <= set(words(theirs)), (ours, theirs)


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def test_the_heading_names_the_standard(ran_page):
    assert STANDARD in section(ran_page, "checklist").all("h2")[0].text


# What is in the page


def test_every_section_stands_in_the_page_and_in_its_contents(ran_page):
    ids = [each.attributes["id"] for each in ran_page.all("section")]
    assert ids == [each.id for each in SECTIONS if each.id not in UNEXPECTED]
    (nav,) = ran_page.all("nav")
    assert [a.attributes["href"] for a in nav.all("a")] == [f"#{name}" for name in ids]
    assert all(len(section(ran_page, name).text) > 50 for name in ids)


def test_every_link_within_the_page_leads_somewhere(report):
    ids = [each.attributes["id"] for each in report if each.attributes.get("id")]
    assert len(set(ids)) == len(ids)
    links = [a.attributes["href"] for a in report.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert all(link.startswith(("#", "https://")) for link in links)


MISSING = {
    "probabilistic": "psa",
    "one_way": "tornado",
    "information": "voi",
    "price": "price",
    "patient": "explain",
    "what-if": "what-if",
}


@pytest.mark.parametrize("name", MISSING)
def test_a_section_that_was_not_run_says_how_to_run_it(name, ran_page):
    found = section(ran_page, name)
    (box,) = (each for each in found if each.has_class("missing"))
    assert f"python -m sim report scenarios/first_salvage.yaml --with {MISSING[name]}" in box.text


def commands_of(tree):
    """Return the command lines that a report prints, without the program's name."""
    lines = " ".join(each.text for box in tree.all("pre") for each in box.all("code"))
    return [shlex.split(line) for line in lines.split("python -m sim ") if line.strip()]


@pytest.mark.slow
def test_commands_that_a_report_prints_run_as_printed(tmp_path, monkeypatch):
    """From the folder where it was made; a section that was missing is then there."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SCENARIO.parent, "scenarios")
    scenario = f"scenarios/{SCENARIO.name}"
    made = ["report", scenario, "--patients", "60", "--out", "page.html", "--with", "explain"]
    assert invoke(made).exit_code == 0
    told = commands_of(read(Path("page.html").read_text(encoding="utf-8")))
    assert ["explain", scenario, "--patient"] in [line[:3] for line in told]
    (filled,) = (line for line in told if "explain,what-if" in line)
    for line in told:
        if line[0] in ("explain", "run") or line == filled:
            done = invoke(line)
            assert done.exit_code == 0, done.output
    tree = read(Path("page.html").read_text(encoding="utf-8"))
    for name in ("patient", "what-if"):
        assert not any(each.has_class("missing") for each in section(tree, name))


@pytest.mark.slow
def test_analyses_that_a_folder_lacks_are_run_into_it(ran_folder, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(ran_folder, copy)
    out = tmp_path / "page.html"
    options = ["--from", str(copy), "--with", "explain,threshold", "--out", str(out)]
    done = invoke(["report", str(SCENARIO), *options])
    assert done.exit_code == 0, done.output
    tree = read(out.read_text(encoding="utf-8"))
    assert (copy / "threshold.json").exists()
    assert "Flips at" in section(tree, "threshold").text
    assert "nearer to the mean" in section(tree, "patient").text


def invoke(arguments):
    return CliRunner().invoke(commands, arguments)


def test_every_figure_has_a_name_and_a_description(report):
    for svg in report.all("svg"):
        assert svg.attributes["role"] == "img"
        label = svg.attributes.get("aria-label")
        names = (svg.attributes.get("aria-labelledby") or "").split()
        told = [each.text for each in svg if each.attributes.get("id") in names]
        assert label or (len(told) == len(names) == 2 and all(told))


def test_every_table_has_headings_with_a_scope(report):
    for table in report.all("table"):
        headings = table.all("th")
        assert headings
        assert all(each.attributes.get("scope") in {"col", "row", "colgroup"} for each in headings)


def test_every_box_that_scrolls_can_be_reached_by_keyboard_and_has_a_name(report):
    boxes = [each for each in report if each.has_class("scroll")]
    assert boxes
    for box in boxes:
        assert box.attributes.get("tabindex") == "0"
        assert box.attributes.get("aria-label")


# Abbreviations


def test_an_abbreviation_is_explained_where_a_section_first_has_it():
    page = "<section><p>An ICER, QALYs and an ICER.</p></section><section>allo-HCT, ICER</section>"
    shown = [(each.text, each.attributes["title"]) for each in read(explained(page)).all("abbr")]
    assert [word for word, _ in shown] == ["ICER", "QALY", "allo-HCT", "ICER"]
    assert all(meaning == SPELLINGS[word] for word, meaning in shown)


@pytest.mark.parametrize("part", ["<code>ICER</code>", "<svg>ICER</svg>", "SICER", '<p id="ICER">'])
def test_no_name_and_no_part_of_a_word_is_explained(part):
    assert explained(part) == part


def test_the_glossary_explains_every_abbreviation(ran_page):
    terms = [each.text for each in section(ran_page, "glossary").all("dt")]
    assert terms == list(GLOSSARY)


@pytest.mark.slow
def test_everything_that_the_committee_needs_is_shown(full_page):
    """The parts of a report of this kind, each by what only it shows."""
    shown = {
        "flow": "Remission, MRD-negative",
        "survival": "still free of the event",
        "results": "Undiscounted",
        "probabilistic": "Cost-effectiveness plane",
        "one_way": "Blinatumomab, vial",
        "information": "Expected value of perfect information",
        "price": "Price of a vial",
        "patient": "Day by day",
        "what-if": "what-ifs, against",
        "threshold": "Flips at",
        "validation": "Held out",
        "verification": "failed 0",
        "assumptions": "What it cannot tell",
    }
    for name, part in shown.items():
        assert part in section(full_page, name).text, name


def test_no_result_is_shown_as_not_a_number(report):
    for each in report.all("section"):
        # Notes of the catalogue are the words of its authors.
        if each.attributes["id"] != "inputs":
            assert not re.search(r"\b(nan|inf|None|NaN)\b", each.text)


def test_every_used_input_is_shown_with_its_source_and_status(ran_folder, ran_page):
    table = pd.read_csv(ran_folder / "inputs.csv")
    (shown,) = (t for t in ran_page.all("table") if t.attributes.get("id") == "inputs-table")
    (body,) = shown.all("tbody")
    rows = {row.all("code")[0].text: row for row in body.all("tr")}
    assert sorted(rows) == sorted(table["name"])
    for known in table.itertuples():
        row = rows[known.name]
        assert row.attributes["data-status"] == known.status
        assert known.label in row.text
        assert row.all("td")[-1].text


def test_the_page_names_no_outside_resource(ran_folder):
    text = page_of(ran_folder)
    tree = read(text)
    for tag, key in (("img", "src"), ("script", "src"), ("link", "href"), ("image", "href")):
        for each in tree.all(tag):
            assert each.attributes.get(key, "data:,").startswith(("data:", "#"))
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    (policy,) = (
        m.attributes["content"]
        for m in tree.all("meta")
        if m.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy


@pytest.mark.slow
def test_the_page_is_small(full_folder):
    assert len(page_of(full_folder).encode()) < LARGEST


@pytest.mark.slow
def test_the_same_results_give_the_same_page(ran_folder):
    assert page_of(ran_folder) == page_of(ran_folder)


@pytest.mark.slow
def test_the_page_says_nothing_of_the_machine(ran_folder):
    text = page_of(ran_folder)
    assert str(ran_folder) not in text
    assert str(SCENARIO.parent) not in text


def test_words_of_a_scenario_are_text_and_nothing_else(tmp_path):
    title = "<script>alert(1)</script> & <b>bold</b>"
    scenario = asked().with_(title=title, patients=50)
    with sketched():
        sim.run(scenario, threads=1).write(tmp_path / "results")
        results = sim.report.results.read_results(tmp_path / "results", scenario.question)
        tree = read(sim.report.page.page(results, sim.report.results.Analyses()))
    assert tree.all("h1")[0].text == title
    assert len(tree.all("script")) == 1
