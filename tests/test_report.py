"""The report says what the result files say, all of it, in a page that needs nothing else."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
from pathlib import Path

import jinja2
import pandas as pd
import pytest
from click.testing import CliRunner

import sim
import sim.report
from sim.cli import commands
from sim.report.html.cheers import STANDARD
from sim.report.html.page import SECTIONS
from sim.report.html.words import MINUS, money, percent, plain, probability
from tests.report_pages import SCENARIO, asked, page_of, read, section, write_everything, write_run

PACKAGE = Path(sim.report.__file__).parent
TEMPLATES = sorted((PACKAGE / "templates").glob("*.j2"))
MODULES = sorted((PACKAGE / "html").glob("*.py"))
LARGEST = 5_000_000


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder with the results of a run alone."""
    folder = tmp_path_factory.mktemp("ran") / "results"
    write_run(folder)
    return folder


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A folder with every analysis beside a run."""
    folder = tmp_path_factory.mktemp("full") / "results"
    write_everything(folder)
    return folder


@pytest.fixture(scope="module")
def tree(ran):
    """The report on a run alone."""
    return read(page_of(ran))


@pytest.fixture(scope="module")
def whole(full):
    """The report on everything."""
    return read(page_of(full))


@pytest.fixture(params=["tree", pytest.param("whole", marks=pytest.mark.slow)])
def report(request):
    """Either report."""
    return request.getfixturevalue(request.param)


# Every number is read from the result files


def changed_table(file, column, value, /, **where):
    """Return a change of one cell of a table: the row is the first that fits `where`."""

    def change(folder):
        table = pd.read_csv(folder / file)
        fits = pd.Series(data=True, index=table.index)
        for key, wanted in where.items():
            fits &= table[key] == wanted
        assert fits.any()
        table[column] = table[column].astype(object)
        table.loc[fits.idxmax(), column] = value
        table.to_csv(folder / file, index=False)

    return change


def all_of(*changes):
    """Return several changes as one."""

    def change(folder):
        for each in changes:
            each(folder)

    return change


def changed_json(name, *path, value):
    """Return a change of one value of a JSON file."""

    def change(folder):
        content = json.loads((folder / name).read_text())
        place = content
        for key in path[:-1]:
            place = place[key]
        assert path[-1] in place or isinstance(path[-1], int)
        place[path[-1]] = value
        (folder / name).write_text(json.dumps(content))

    return change


def changed_text(name, old, new):
    """Return a change of words in a text file."""

    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


DRUG = "blinatumomab"
OF_A_RUN = {
    "outcome": (
        changed_table("strategies.csv", "mean", 0.8765, strategy=DRUG, outcome="qalys"),
        ("results", "0.876"),
    ),
    "error": (
        changed_table("strategies.csv", "se", 98.76, strategy=DRUG, outcome="response_percent"),
        ("results", "98.8"),
    ),
    "category of cost": (
        changed_table("strategies.csv", "mean", 77_123.0, strategy=DRUG, outcome="cost.drug"),
        ("results", "$77,123"),
    ),
    "category of cost undiscounted": (
        changed_table(
            *("strategies.csv", "mean", 77_124.0),
            strategy=DRUG,
            outcome="cost_undiscounted.transplant",
        ),
        ("results", "$77,124"),
    ),
    "median": (
        changed_table("strategies.csv", "mean", 33.44, strategy=DRUG, outcome="os_median_months"),
        ("survival", "33.4"),
    ),
    "increment": (
        changed_table("increments.csv", "mean", 1.2345, strategy=DRUG, outcome="qalys"),
        ("answer", "1.23"),
    ),
    "cost-effectiveness": (
        changed_table("increments.csv", "mean", 31_415.0, strategy=DRUG, outcome="icer"),
        ("answer", "$31,415"),
    ),
    "net benefit": (
        changed_table("increments.csv", "mean", 27_182.0, strategy=DRUG, outcome="nmb_at_100000"),
        ("answer", "$27,182"),
    ),
    "patients at risk": (
        changed_table("survival.csv", "at_risk", 123_456, strategy=DRUG, endpoint="os", months=24),
        ("survival", "123,456"),
    ),
    "amount in the figure of costs": (
        changed_table("ledger.csv", "discounted", 8e6, strategy=DRUG, category="drug"),
        ("results", "$8,"),
    ),
    "patients of a way": (
        changed_table("flow.csv", "patients", 54_321, strategy=DRUG, state="dead"),
        ("flow", "54,"),
    ),
    "input": (
        changed_table("inputs.csv", "value", 0.2468, name="cost.end_of_life"),
        ("inputs", "0.247"),
    ),
    "end of a range": (
        changed_table("inputs.csv", "high", 9.753e5, name="cost.end_of_life"),
        ("inputs", "975,300"),
    ),
    "status of an input": (
        changed_table("inputs.csv", "status", "provisional", name="cost.end_of_life"),
        ("inputs", "1 provisional"),
    ),
    "threshold at which the choice turns": (
        changed_json("summary.json", "frontier", 1, "icer", value=16_180.0),
        ("answer", "$16,180"),
    ),
    "version": (changed_json("provenance.json", "version", value="9.8.7"), ("origin", "9.8.7")),
    "citation": (
        changed_text("citations.txt", "Arias E", "Nightingale F"),
        ("origin", "Nightingale F"),
    ),
}
OF_ANALYSES = {
    "interval": (
        changed_json("psa.json", "increments", 0, "qalys", "low", value=-3.21),
        ("answer", f"{MINUS}3.21"),
    ),
    "probability": (
        changed_json(
            *("psa.json", "decision", 0, "strategies", 1, "probability", "without_noise"),
            value=0.6543,
        ),
        ("probabilistic", "65.4"),
    ),
    "expected loss": (
        changed_json(
            "psa.json", "decision", 0, "strategies", 1, "expected_loss", "mean", value=4_242.0
        ),
        ("probabilistic", "$4,242"),
    ),
    "end of a bar": (
        changed_table("tornado.csv", "outcome_low", 123_321.0, parameter="cost.inpatient_day"),
        ("one_way", "$123,321"),
    ),
    "end of an input": (
        changed_table("tornado.csv", "high", 7.654e6, parameter="cost.inpatient_day"),
        ("one_way", "7,654,000"),
    ),
    "worth of knowing everything": (
        changed_table("voi.csv", "value", 5_151.0, kind="everything"),
        ("information", "$5,151"),
    ),
    "worth of knowing a part": (
        all_of(
            changed_table("voi.csv", "value", 6_161.0, kind="group"),
            changed_table("voi.csv", "told_from_nothing", True, kind="group"),
        ),
        ("information", "$6,161"),
    ),
    "price": (
        changed_table("price.csv", "price_per_vial", 1_414.0, basis="mean_over_draws"),
        ("price", "$1,414"),
    ),
    "price in the answer": (
        changed_table("price.csv", "price_per_vial", 1_515.0, basis="base_case"),
        ("answer", "$1,515"),
    ),
    "published value": (
        changed_table("validation.csv", "published", 12.34, study="tower"),
        ("validation", "12.3"),
    ),
    "predicted value": (
        changed_table("validation.csv", "predicted", 93.17, study="tower"),
        ("validation", "93.2"),
    ),
    "total of a patient": (
        changed_json(
            *("explain.json", "strategies", 0, "totals", "qaly", "discounted"), value=7.7777
        ),
        ("patient", "7.778"),
    ),
    "day of a patient": (
        changed_json("explain.json", "strategies", 0, "events", 1, "day", value=12_345.6),
        ("patient", "12,345.6"),
    ),
    "figure of a patient": (
        changed_text("explain.svg", "Research model", "Model no. 4711"),
        ("patient", "Model no. 4711"),
    ),
    "size of an analysis": (
        changed_json("provenance_psa.json", "draws", value=1_234_567),
        ("origin", "1,234,567 draws"),
    ),
}


def after(changes, folder, copy):
    """Return the report on a copy of a folder with all of the changes."""
    shutil.copytree(folder, copy)
    for change, _ in changes.values():
        change(copy)
    return read(page_of(copy))


@pytest.fixture(scope="module")
def changed_run(ran, tmp_path_factory):
    """The report on a run with every change."""
    return after(OF_A_RUN, ran, tmp_path_factory.mktemp("changed") / "results")


@pytest.fixture(scope="module")
def changed_analyses(full, tmp_path_factory):
    """The report on analyses with every change."""
    return after(OF_ANALYSES, full, tmp_path_factory.mktemp("changed") / "results")


@pytest.mark.parametrize("what", OF_A_RUN)
def test_a_number_changed_in_a_file_of_the_run_changes_in_the_report(what, tree, changed_run):
    name, shown = OF_A_RUN[what][1]
    assert shown not in section(tree, name).text
    assert shown in section(changed_run, name).text


@pytest.mark.slow
@pytest.mark.parametrize("what", OF_ANALYSES)
def test_a_number_changed_in_a_file_of_an_analysis_changes_in_the_report(
    what, whole, changed_analyses
):
    name, shown = OF_ANALYSES[what][1]
    assert shown not in section(whole, name).text
    assert shown in section(changed_analyses, name).text


@pytest.mark.slow
def test_the_points_of_curves_are_those_of_the_files(full, tmp_path):
    """Figures hold no text for them: their drawings must differ."""
    changes = {
        "acceptability": changed_table("acceptability.csv", "without_noise", 0.99, strategy=DRUG),
        "evpi": changed_table("evpi.csv", "evpi", 99_999.0),
        "price_curve": changed_table("price_curve.csv", "without_noise", 0.11),
        "survival_os": changed_table("survival.csv", "survival_percent", 1.0, months=12),
    }
    before = read(page_of(full))
    for number, (name, change) in enumerate(changes.items()):
        copy = tmp_path / str(number)
        shutil.copytree(full, copy)
        change(copy)
        assert drawn(read(page_of(copy)), name) != drawn(before, name)


def drawn(tree, name):
    """Return the paths of a figure."""
    (figure,) = (
        svg
        for svg in tree.all("svg")
        if svg.attributes.get("aria-labelledby", "").startswith(f"{name}-title")
    )
    return [path.attributes["d"] for path in figure.all("path")]


NUMBER = re.compile(r"\d")
MARKUP = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<[^>]*>", re.DOTALL)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_number_is_typed_into_a_template(path):
    """What is left when tags and expressions are taken away is words."""
    words = MARKUP.sub(" ", path.read_text(encoding="utf-8"))
    assert not NUMBER.search(words), words.strip()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_number_is_typed_into_an_expression_of_a_template(path):
    """A literal in an expression would be shown as if it came from a file."""
    found = jinja2.Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    shown = [
        node
        for output in found.find_all(jinja2.nodes.Output)
        for part in output.nodes
        if not isinstance(part, jinja2.nodes.TemplateData)
        for node in part.find_all(jinja2.nodes.Const)
        if not is_index(part, node)
    ]
    numbers = [n.value for n in shown if isinstance(n.value, int | float) or has_number(n.value)]
    assert not numbers


def is_index(part, const):
    """Whether a constant only says which part of a value is meant."""
    found = [*part.find_all(jinja2.nodes.Getitem)]
    if isinstance(part, jinja2.nodes.Getitem):
        found.append(part)
    return any(node.arg is const for node in found)


def has_number(value):
    return isinstance(value, str) and bool(NUMBER.search(value.replace("{:,}", "")))


ALLOWED = {
    "CHEERS 2022": "the name of the standard",
    "SHA-256 of what was asked": "the name of a hash",
    "sha256-": "the name of a hash, in the policy of the page",
    "http://www.w3.org/1999/xlink": "the name of a dialect of XML",
    "95": "the level of every interval, before '% interval'",
}
"""Words with digits in the modules of the page, and why they stand there."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_number_is_typed_into_the_sentences_of_the_report(path):
    """Formats, names of columns and patterns hold digits; what is shown does not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = [
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    ]
    comments = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    formats = [
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec
        for part in ast.walk(node.format_spec)
    ]
    patterns = [
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
        for part in ast.walk(node)
    ]
    skipped = {id(node) for node in (*documented, *comments, *formats, *patterns)}
    typed = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and NUMBER.search(node.value)
        and id(node) not in skipped
        and is_shown(node.value)
    ]
    assert not typed


def is_shown(text):
    """Whether a text is words for a reader: names of the program have letters and no spaces."""
    for word in ALLOWED:
        text = text.replace(word, "")
    is_name = " " not in text.strip() and re.search("[a-z]", text)
    return bool(NUMBER.search(text)) and not is_name


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


def test_items_are_those_of_the_standard_in_its_order(tree):
    (table,) = (t for t in tree.all("table") if t.attributes.get("id") == "cheers")
    (body,) = table.all("tbody")
    told = [row.children[1].text for row in body.all("tr")]
    printed = [" ".join(topic.split()) for topic in TOPICS.split(";")]
    assert len(told) == len(printed) == 28
    for ours, theirs in zip(told, printed, strict=True):
        assert set(words(ours)) <= set(words(theirs)), (ours, theirs)


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def test_the_heading_names_the_standard(tree):
    assert STANDARD in section(tree, "checklist").all("h2")[0].text


# What is in the page


def test_every_section_stands_in_the_page_and_in_its_contents(tree):
    ids = [each.attributes["id"] for each in tree.all("section")]
    assert ids == [each.id for each in SECTIONS]
    (nav,) = tree.all("nav")
    assert [a.attributes["href"] for a in nav.all("a")] == [f"#{name}" for name in ids]
    assert all(len(section(tree, name).text) > 50 for name in ids)


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
    "price": "price --regimen blinatumomab",
    "patient": "explain",
}


@pytest.mark.parametrize("name", MISSING)
def test_a_section_that_was_not_run_says_how_to_run_it(name, tree):
    found = section(tree, name)
    (box,) = (each for each in found if each.has_class("missing"))
    assert f"python -m sim {MISSING[name].split()[0]}" in box.text
    assert "--out DIR" in box.text
    assert "--from DIR" in box.text


@pytest.mark.slow
def test_commands_that_a_section_names_fill_it(tree, tmp_path, monkeypatch):
    """Copied from the report, they put the section there."""
    monkeypatch.chdir(SCENARIO.parent)
    told = [line for line in section(tree, "patient").all("code")[0].text.split("python -m sim ")]
    (explain, report) = (shlex.split(line) for line in told if line.strip())
    run = ["run", SCENARIO.name, "--patients", "300", "--seed", "3", "--out", "DIR"]
    folder = str(tmp_path / "DIR")
    out = str(tmp_path / "page.html")
    for line in (run, [*explain, "--seed", "3"], [*report, "--out", out]):
        arguments = [folder if each == "DIR" else each for each in line]
        done = CliRunner().invoke(commands, arguments)
        assert done.exit_code == 0, done.output
    found = section(read(Path(out).read_text(encoding="utf-8")), "patient")
    assert not any(each.has_class("missing") for each in found)


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


@pytest.mark.slow
def test_everything_that_the_committee_needs_is_shown(whole):
    """The parts of a report of this kind, each by what only it shows."""
    shown = {
        "flow": "Remission, MRD-negative",
        "survival": "At risk:",
        "results": "Undiscounted",
        "probabilistic": "Cost-effectiveness plane",
        "one_way": "Blinatumomab, vial",
        "information": "Expected value of perfect information",
        "price": "Price of a vial",
        "patient": "Day by day",
        "validation": "Held out",
        "assumptions": "What it cannot tell",
    }
    for name, part in shown.items():
        assert part in section(whole, name).text, name


def test_no_result_is_shown_as_not_a_number(report):
    for each in report.all("section"):
        # Notes of the catalogue are the words of its authors.
        if each.attributes["id"] != "inputs":
            assert not re.search(r"\b(nan|inf|None|NaN)\b", each.text)


def test_every_used_input_is_shown_with_its_source_and_status(ran, tree):
    table = pd.read_csv(ran / "inputs.csv")
    (shown,) = (t for t in tree.all("table") if t.attributes.get("id") == "inputs-table")
    (body,) = shown.all("tbody")
    rows = {row.all("code")[0].text: row for row in body.all("tr")}
    assert sorted(rows) == sorted(table["name"])
    for known in table.itertuples():
        row = rows[known.name]
        assert row.attributes["data-status"] == known.status
        assert known.label in row.text
        assert row.all("td")[-1].text


def test_the_page_names_no_outside_resource(ran):
    text = page_of(ran)
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
def test_the_page_is_small(full):
    assert len(page_of(full).encode()) < LARGEST


@pytest.mark.slow
def test_the_same_results_give_the_same_page(ran):
    assert page_of(ran) == page_of(ran)


@pytest.mark.slow
def test_the_page_says_nothing_of_the_machine(ran):
    text = page_of(ran)
    assert str(ran) not in text
    assert str(SCENARIO.parent) not in text


def test_words_of_a_scenario_are_text_and_nothing_else(tmp_path):
    title = "<script>alert(1)</script> & <b>bold</b>"
    scenario = asked().with_(title=title, patients=50)
    sim.run(scenario, threads=1).write(tmp_path / "results")
    results = sim.report.html.results.read_results(tmp_path / "results", scenario.question)
    tree = read(sim.report.html.page.page(results, sim.report.html.analyses.Analyses()))
    assert tree.all("h1")[0].text == title
    assert len(tree.all("script")) == 1


# The command


def invoke(*arguments):
    return CliRunner().invoke(commands, [str(each) for each in arguments])


def test_a_run_writes_its_report_too(tmp_path):
    path = tmp_path / "page.html"
    done = invoke("run", SCENARIO, "--patients", 50, "--report", path)
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(f"Report: {path}\n")
    assert section(read(path.read_text(encoding="utf-8")), "answer")


@pytest.mark.slow
def test_a_report_without_results_runs_the_scenario_and_says_what_is_left_out(tmp_path):
    path = tmp_path / "page.html"
    done = invoke("report", SCENARIO, "--patients", 50, "--with", "explain", "--out", path)
    assert done.exit_code == 0, done.output
    assert "Left out, and named in the report: psa,tornado,voi,price." in done.stdout
    tree = read(path.read_text(encoding="utf-8"))
    assert not any(each.has_class("missing") for each in section(tree, "patient"))


@pytest.mark.slow
def test_figures_are_written_in_every_format(ran, tmp_path):
    done = invoke(
        *("report", SCENARIO, "--from", ran, "--out", tmp_path / "page.html"),
        *("--figures", tmp_path / "figures"),
    )
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    stems = {name.split(".")[0] for name in names}
    assert {"flow_1", "flow_2", "survival_os", "survival_rfs", "costs_discounted"} <= stems
    assert names == {f"{stem}.{ending}" for stem in stems for ending in ("svg", "png", "pdf")}


def test_results_of_another_question_are_refused(ran, tmp_path):
    changed = tmp_path / "other.yaml"
    changed.write_text(
        f"extends: {SCENARIO}\nparameters:\n  cost.blinatumomab.vial: 1.0\n", encoding="utf-8"
    )
    done = invoke("report", changed, "--from", ran, "--out", tmp_path / "page.html")
    assert done.exit_code == 2
    assert "holds other results" in done.stderr
    assert not (tmp_path / "page.html").exists()


@pytest.mark.slow
def test_an_analysis_of_another_question_is_left_out_and_said(ran, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(ran, copy)
    sim.explain(asked().with_(parameters={"cost.end_of_life": 1.0}), 1).write(copy)
    found = section(read(page_of(copy)), "patient")
    assert "explain.json in the folder of results belongs to another scenario" in found.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--with", "psb"), "psb"),
        (("--from", "nowhere"), "is not a folder of results"),
        (("--from", "nowhere", "--with", "psa"), "--with"),
        (("--out", "."), "--out"),
    ],
)
def test_a_mistake_ends_in_one_message(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = invoke("report", SCENARIO, *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") <= 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["summary.json", "strategies.csv", "inputs.csv", "flow.csv"])
def test_a_missing_or_broken_file_is_named(name, ran, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(ran, copy)
    (copy / name).write_bytes(b"\x00\xff")
    done = invoke("report", SCENARIO, "--from", copy, "--out", tmp_path / "page.html")
    assert (done.exit_code, name in done.stderr) == (2, True)
    (copy / name).unlink()
    done = invoke("report", SCENARIO, "--from", copy, "--out", tmp_path / "page.html")
    assert (done.exit_code, name in done.stderr) == (2, True)
    assert not (tmp_path / "page.html").exists()


def test_an_analysis_beside_a_run_leaves_the_provenance_of_the_run(ran, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(ran, copy)
    before = (copy / "provenance.json").read_bytes()
    sim.explain(asked(), 1).write(copy)
    assert (copy / "provenance.json").read_bytes() == before
    assert json.loads((copy / "provenance_explain.json").read_text())["patient"] == 1
    told = section(read(page_of(copy)), "origin").text
    assert "One patient patient 1" in told
    assert "as the run" in told


# Numbers in words


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (money(-1234.4, "$"), f"{MINUS}$1,234"),
        (money(-0.2, "$"), "$0"),
        (plain(0.012345), "0.0123"),
        (plain(-12345.6), f"{MINUS}12,346"),
        (percent(0.4567), "46\u00a0%"),
        (probability(0.0), "0.0\u00a0%"),
        (probability(0.0001), "<0.1\u00a0%"),
        (probability(0.9999), ">99.9\u00a0%"),
        (probability(1.0), "100.0\u00a0%"),
        (probability(0.995), "99.5\u00a0%"),
    ],
)
def test_a_number_is_shown_as_is_usual(shown, text):
    assert shown == text
