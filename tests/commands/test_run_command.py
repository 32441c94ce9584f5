"""`python -m sim run`: what it prints, what it refuses, and how it ends."""

import functools
import io
import json
import os
import re
import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

import sim
from sim.analyses.run import tables as files
from sim.analyses.shared.arguments import arguments_of
from sim.cli import commands
from sim.economics.ledger import COST_CATEGORIES
from sim.layout import progress, text
from sim.layout.table import Cell, Row, Table, encodable, print_table
from sim.layout.trace import lines
from sim.scenario import schema
from sim.simulation import core_run
from sim.simulation import run as study
from sim.simulation.question import ask
from sim.simulation.run import run as simulate
from sim.simulation.summary import summarise
from tests.support.places import ROOT
from tests.support.remarks import remarks_on

SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
MAIN = ROOT / "scenarios" / "first_salvage.yaml"
SEVERAL = ROOT / "scenarios" / "blinatumomab_then_inotuzumab.yaml"
NHS = ROOT / "scenarios" / "nhs_first_salvage.yaml"


def run(*arguments, patients=20):
    size = () if "--patients" in arguments else ("--patients", str(patients))
    return CliRunner().invoke(commands, ["run", *map(str, arguments), *size])


@functools.cache
def answer(path, patients=50):
    simulation = simulate(ask(path, patients=patients))
    return simulation, summarise(simulation)


def printed(path, *, width=text.WIDTH_IN_A_PIPE, encoding="utf-8", patients=50):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    text.print_answer(console, *answer(path, patients))
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


# What it prints


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_shipped_scenario_runs(path):
    result = run(path, patients=50)
    assert result.exit_code == 0, result.output
    assert result.stderr == remarks_on(path)
    for name in ("CR/CRh/CRi, %", "QALYs", "ICER", "Standard errors are Monte Carlo errors"):
        assert name in result.stdout


@pytest.mark.parametrize("patients", [1, 2])
def test_few_patients_are_enough(patients):
    result = run(MAIN, "--patients", patients)
    assert result.exit_code == 0, result.output
    assert not re.search(r"\b(nan|inf)\b", result.stdout)
    assert ("(" in result.stdout.split("Costs in")[1].split("Difference")[0]) == (patients > 1)


def test_json_is_the_only_output(tmp_path):
    result = run(MAIN, "--json", "--seed", 0, "--trace", 1, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stderr == ""
    summary = json.loads(result.stdout)
    assert (summary["seed"], summary["patients"]) == (0, 20)
    assert result.stdout == (tmp_path / "out" / "summary.json").read_text(encoding="utf-8")


def test_answer_says_what_was_asked_and_where_the_files_are(tmp_path):
    result = run(NHS, "--seed", 7, "--out", tmp_path / "out")
    for said in ("NHS England", "20 patients", "seed 7", "lifetime", "3.5% costs", "not medical"):
        assert said in result.stdout
    assert result.stdout.endswith(f"Files: {tmp_path / 'out'}\n")


def test_inputs_that_are_not_from_evidence_are_counted_in_the_answer():
    counts = answer(MAIN, patients=5)[1].inputs
    words = " ".join(printed(MAIN, patients=5).split())
    assert f"{counts['assumption']} assumed, {counts['provisional']} provisional" in words


def test_command_in_the_answer_lists_the_inputs_of_the_same_scenario():
    words = " ".join(printed(MAIN, patients=5).split())
    command = re.search(r"python -m sim (parameters --scenario \S+)", words)
    result = CliRunner().invoke(commands, command[1].split())
    assert result.exit_code == 0
    assert "cost.blinatumomab.vial" in result.stdout


def amounts_of(line):
    return [int(amount.replace(",", "")) for amount in re.findall(r"[$£]([\d,]+)", line)]


@pytest.mark.parametrize("path", [MAIN, NHS], ids=["dollars", "pounds"])
def test_printed_costs_add_up_to_the_printed_total_which_is_the_mean(path):
    lines = printed(path).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Costs in"))
    rows = [amounts_of(line) for line in lines[start + 1 : start + 2 + len(COST_CATEGORIES)]]
    *categories, total = rows
    assert [sum(column) for column in zip(*categories, strict=True)] == total
    assert total == [round(arm.outcomes["cost"].mean) for arm in answer(path)[1].arms]


def test_every_mean_is_printed_with_its_standard_error():
    """Of 50 patients under two strategies every number in the tables has an error."""
    lines = printed(MAIN).splitlines()
    rows = [
        line for line in lines if re.search(r"  \S*\d\S*( \(|$)", line) and "  " in line.strip()
    ]
    numbers = [row for row in rows if not row.startswith(("Population", "Simulated", "Horizon"))]
    assert len(numbers) > 25
    for row in numbers:
        cells = re.split(r"\s{2,}", row.strip())[1:]
        assert all(re.fullmatch(r"-?[$£]?[\d,.]+ *\([\d,.]+\)", cell) for cell in cells), row


def extended(folder, text_of_scenario):
    path = folder / "question.yaml"
    parent = os.path.relpath(MAIN, folder)
    path.write_text(f"extends: {parent}\n{text_of_scenario}", encoding="utf-8")
    return path


def row_of(output, label):
    (line,) = [line for line in output.splitlines() if line.startswith(f"{label}  ")]
    return re.split(r"\s{2,}", line.strip())[1:]


def test_saving_per_qaly_given_up_is_not_called_a_price(tmp_path):
    """Chemotherapy against blinatumomab costs less and gives less, by the same ratio."""
    output = printed(extended(tmp_path, "comparator: blinatumomab\n"))
    assert row_of(output, "ICER, cost per QALY") == ["–"]
    assert row_of(output, "Saved per QALY given up") == row_of(printed(MAIN), "ICER, cost per QALY")


def test_dominated_and_equal_strategies_are_called_so(tmp_path):
    """A strategy twice under two names, and a regimen that nobody responds to and that is dear.

    Life on treatment is given less than its worth without, so that nothing is gained.
    """
    output = printed(
        extended(
            tmp_path,
            "parameters: {response.baseline_logit: -30, utility.on_treatment: 0.1}\n"
            "comparator: first\n"
            "strategies:\n"
            "  - {name: first, sequence: [], then: supportive_care}\n"
            "  - {name: second, sequence: [], then: supportive_care}\n"
            "  - {name: third, sequence: [blinatumomab], then: supportive_care}\n",
        )
    )
    assert row_of(output, "ICER, cost per QALY") == ["equal", "dominated"]
    assert row_of(output, "third")[-1] == "dominated"
    assert "Saved per QALY" not in output


# Tables on narrow screens and in old encodings


@pytest.mark.parametrize("path", [MAIN, SEVERAL], ids=["two strategies", "five strategies"])
@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_line_is_wider_than_the_screen_and_no_number_is_broken(path, width):
    narrow, wide = printed(path, width=width), printed(path, width=1000)
    assert max(map(cell_len, narrow.splitlines())) <= width
    assert "…" not in narrow
    number = re.compile(r"-?[$£][\d,]+ +\([\d,]+\)")
    found, expected = (
        sorted(" ".join(each.split()) for each in number.findall(output))
        for output in (narrow, wide)
    )
    assert found == expected
    assert expected


@pytest.mark.parametrize("width", [80, 120])
def test_numbers_of_a_column_end_at_one_place(width):
    lines = printed(SEVERAL, width=width).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Costs in"))
    ends = {
        tuple(match.end(1) for match in re.finditer(r"(\$[\d,]+) \(", line))
        for line in lines[start + 1 : start + 2 + len(COST_CATEGORIES)]
    }
    assert len(ends) == 1


def test_no_line_ends_with_a_space():
    for line in printed(SEVERAL).splitlines():
        assert line == line.rstrip()


@pytest.mark.parametrize("path", [NHS, SEVERAL], ids=["pounds", "five strategies"])
def test_answer_can_be_printed_in_ascii(path):
    """A strict ASCII stream raises at any other sign."""
    output = printed(path, encoding="ascii")
    assert "CRS grade >=3, %" in output
    assert "\\u" not in output
    if path == NHS:
        assert re.search(r"GBP [\d,]+ \(", output)


def test_pipe_in_ascii_works_for_the_whole_program():
    done = subprocess.run(
        [sys.executable, "-m", "sim", "run", str(NHS), "--patients", "3", "--trace", "1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"\\u" not in done.stdout
    assert b"Patient 0 under blinatumomab" in done.stdout


@pytest.mark.parametrize(
    ("sign", "encoding", "shown"),
    [
        ("≥", "ascii", ">="),
        ("≥", "utf-8", "≥"),
        ("£", "latin-1", "£"),
        ("£", "ascii", "GBP "),
        ("ö", "ascii", "o"),
        ("中", "ascii", "?"),
        ("\n", "utf-8", " "),
        ("\x1b", "utf-8", " "),
    ],
)
def test_sign_that_the_encoding_lacks_has_a_substitute(sign, encoding, shown):
    assert encodable(f"a{sign}b", encoding) == f"a{shown}b"


def table_text(table, width):
    stream = io.StringIO()
    print_table(Console(file=stream, width=width), table)
    return stream.getvalue()


def test_table_by_hand():
    table = Table(
        "Mean (error)",
        ["One", "Second strategy"],
        [
            [Row("Years", [Cell("1.5", " (0.1)"), Cell("not reached")])],
            [
                Row("Cost"),
                Row("  Drugs", [Cell("$5", " (1)"), Cell("$1,234", " (56)")], strong=True),
            ],
        ],
    )
    assert table_text(table, 60).splitlines() == [
        "Mean (error)        One   Second strategy",
        "─────────────────────────────────────────",
        "Years         1.5 (0.1)  not reached",
        "",
        "Cost",
        "  Drugs        $5 (1)         $1,234 (56)",
        "",
    ]


def test_table_that_does_not_fit_wraps_headings_first_and_then_becomes_two():
    row = Row("Cost", [Cell("$123,456", " (789)")] * 2)
    table = Table("", ["A long name", "A long name"], [[row]])
    wrapped, divided = (table_text(table, width) for width in (36, 30))
    assert wrapped.count("Cost") == 1
    assert divided.count("Cost") == 2
    assert divided.count("$123,456 (789)") == 2


# Traces


def test_first_patients_are_traced_under_each_strategy():
    result = run(MAIN, "--trace", 2)
    heads = re.findall(r"^Patient (\d+) under (.+)$", result.stdout, re.MULTILINE)
    strategies = ["salvage chemotherapy", "blinatumomab"]
    assert heads == [(str(patient), strategy) for patient in (0, 1) for strategy in strategies]


def test_no_patient_is_traced_unless_asked():
    assert "Patient 0" not in run(MAIN).stdout


def test_more_traces_than_patients_are_all_patients():
    result = run(MAIN, "--patients", 2, "--trace", 5)
    assert len(re.findall(r"^Patient \d+ under", result.stdout, re.MULTILINE)) == 4


ENTRY = re.compile(r" +[\d.]+ +([\d.]+ +)?(-?[\d,]+\.\d+ +){2}(?!= )\S")
"""A day, perhaps a second one, two amounts, and what they are for; a sum has no day."""


def test_trace_keeps_every_entry_and_adds_up():
    """Totals are printed to the cent: they are off by at most half a cent."""
    simulation = simulate(ask(SEVERAL, patients=3), trace=3)
    for trace in simulation.traces:
        shown = list(lines(trace, "USD"))
        entries = [line for line in shown if re.match(ENTRY, line)]
        assert len(entries) == len(trace.ledger)
        total = next(line for line in shown if line.endswith("= USD, total"))
        numbers = [float(number.replace(",", "")) for number in total.split()[:2]]
        costs = [entry for entry in trace.ledger if entry.category in COST_CATEGORIES]
        assert numbers == [
            pytest.approx(sum(entry.undiscounted for entry in costs), abs=0.006),
            pytest.approx(sum(entry.discounted for entry in costs), abs=0.006),
        ]


# What it refuses


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--patients", "0"),
        ("--patients", "-1"),
        ("--patients", "abc"),
        ("--patients", "1.5"),
        ("--patients", str(10**9 + 1)),
        ("--seed", "-1"),
        ("--seed", str(2**64)),
        ("--seed", "one"),
        ("--trace", "-1"),
        ("--trace", "all"),
        ("--colour", "red"),
    ],
)
def test_wrong_option_ends_with_code_2(option, value):
    result = run(MAIN, option, value)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert option in result.stderr
    assert "Traceback" not in result.stderr


def test_limits_of_the_options_are_those_of_a_scenario():
    allowed = {each.name: each.option.check for each in arguments_of(sim.run)}
    assert allowed["patients"].high == schema.MOST_PATIENTS
    assert allowed["seed"].high == schema.LARGEST_SEED


def test_largest_seed_is_a_seed():
    assert run(MAIN, "--seed", 2**64 - 1, patients=2).exit_code == 0


@pytest.mark.parametrize(
    "out", ["file", "file/below", "file/deeply/below", "/proc/out", "/dev/null/out"]
)
def test_folder_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch, out):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    monkeypatch.setattr(study, "run", lambda *_, **__: pytest.fail("patients were simulated"))
    result = run(MAIN, "--out", tmp_path / out)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: --out: ")
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_wrong_scenario_is_refused_before_the_folder_is_touched(tmp_path):
    result = run(tmp_path / "nowhere.yaml", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "no such file" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_full_disk_leaves_earlier_results(tmp_path):
    """No file of this process may grow beyond 30 kB, and inputs.csv is larger: the disk is full."""
    out = tmp_path / "out"
    assert run(MAIN, "--out", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    done = subprocess.run(
        [sys.executable, "-B", "-m", "sim", "run", str(MAIN), "--patients", "9", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        encoding="utf-8",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"error: --out: cannot be written: .+\n", done.stderr)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_too_many_patients_for_the_memory_is_said(monkeypatch):
    def too_many(*_, **__):
        raise MemoryError

    monkeypatch.setattr(study, "run", too_many)
    result = run(MAIN)
    assert result.exit_code == 2
    assert result.stderr == "error: patients: needs more memory than there is (got 20)\n"


# How it ends


@pytest.mark.parametrize("where", ["simulating", "writing"])
def test_interrupt_ends_with_code_130_and_no_folder(tmp_path, monkeypatch, where):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    if where == "simulating":
        monkeypatch.setattr(core_run, "add", interrupt)
    else:
        monkeypatch.setattr(files, "citations", interrupt)
    result = run(MAIN, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr == "interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_reader_that_goes_away_ends_the_run_quietly():
    """The pipe is closed before anything is printed."""
    with subprocess.Popen(
        [sys.executable, "-m", "sim", "run", str(MAIN), "--patients", "3", "--trace", "3"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        complaint = process.stderr.read()
    assert complaint == b""
    assert process.returncode == 1


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_counts_every_patient(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "STEP", 10)
    with progress.patients_progress(25) as advance:
        for _ in range(25):
            advance(1)
    assert "25/25" in terminal.getvalue()
    assert "patients/s" in terminal.getvalue()


def test_progress_in_a_pipe_is_silent(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with progress.patients_progress(25) as advance:
        advance(25)
    assert pipe.getvalue() == ""


def test_progress_that_is_interrupted_leaves_the_terminal_clean(monkeypatch):
    """The cursor is hidden while the bar is shown, and must come back."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(KeyboardInterrupt), progress.patients_progress(25):
        raise KeyboardInterrupt
    assert terminal.getvalue().rfind("\x1b[?25h") > terminal.getvalue().rfind("\x1b[?25l")


def test_help_explains_the_options():
    result = CliRunner().invoke(commands, ["run", "--help"])
    assert result.exit_code == 0
    for option in ("--patients N", "--seed S", "--out DIR", "--json", "--trace K"):
        assert option in result.stdout


# What may follow


def test_the_answer_ends_with_the_commands_that_may_follow():
    last = " ".join(run(MAIN).stdout.partition("Next: ")[2].split())
    assert last == f"python -m sim psa {MAIN}; python -m sim tornado {MAIN}"
    assert "Next:" not in run(MAIN, "--json").stdout


def test_nothing_follows_where_there_is_nothing_to_choose(tmp_path):
    alone = tmp_path / "alone.yaml"
    alone.write_text(
        f"extends: {MAIN}\nstrategies:\n  - name: alone\n    sequence: [blinatumomab]\n"
        "    then: usual_care\ncomparator: null\n"
    )
    shown = run(alone)
    assert shown.exit_code == 0, shown.output
    assert "Next:" not in shown.stdout


def test_printing_does_not_load_the_plotting_library():
    code = (
        "import sys; from sim.cli import commands; "
        f"commands(['run', {str(MAIN)!r}, '--patients', '20'], standalone_mode=False); "
        "assert 'matplotlib' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
