"""Draws exported for other programs: complete, exact, harmless, and honest about their noise."""

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import sim
from sim.analyses.export import draws as export_draws
from sim.analyses.export.draws import FEWEST_VALUES, draw_tables, harmless
from sim.analyses.export.result import SCRIPTS, UNWRITTEN, names_of
from sim.analyses.psa.acceptability import ceac
from sim.analyses.psa.analysis import answer
from sim.analyses.psa.draws_run import run_psa
from sim.analyses.psa.result import PsaResult
from sim.cli import commands
from sim.errors import UserError
from tests.support.places import ROOT, SMALLER

MAIN = SMALLER / "first_salvage.yaml"
FOLDER_OF_SCRIPTS = ROOT / "sim" / "analyses" / "export" / "scripts"
DRAWS, PATIENTS = 40, 60
R = shutil.which("Rscript")
needs_r = pytest.mark.skipif(R is None, reason="R is not installed")


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    return header, np.array(rows, dtype=np.float64)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of a small analysis: 40 draws of 60 patients."""
    folder = tmp_path_factory.mktemp("results")
    sim.psa(MAIN, draws=DRAWS, patients=PATIENTS, out=folder, cached=False)
    return folder


@pytest.fixture(scope="module", params=sorted(SCRIPTS))
def exported(request, results, tmp_path_factory):
    """The name of a program, and the folder of its export."""
    folder = tmp_path_factory.mktemp(request.param)
    found = sim.export(MAIN, to=request.param, from_=results, out=folder)
    assert found.summary["to"] == request.param
    return request.param, folder


@pytest.fixture(scope="module")
def several(ask):
    """Five strategies under 8 draws of 20 patients."""
    question = ask("blinatumomab_then_inotuzumab", patients=20, seed=3)
    return answer(run_psa(question, 8, patients=20))


# What is written


def test_every_file_is_written_and_nothing_else(exported):
    to, folder = exported
    assert {path.name for path in folder.iterdir()} == set(names_of(to))


def test_draws_read_back_to_the_last_bit_in_one_order(exported, results):
    _, folder = exported
    psa = PsaResult.read(MAIN, results)._answer.psa
    for file, wanted in (
        ("costs.csv", psa.values("cost")),
        ("effects.csv", psa.values("qalys")),
        ("parameters.csv", psa.parameters.to_numpy()),
    ):
        header, values = rows_of(folder / file)
        assert values.shape == (DRAWS, len(header))
        assert np.isfinite(values).all()
        assert np.array_equal(values, wanted)
        expected = list(psa.parameters) if file == "parameters.csv" else psa.strategies
        assert header == expected


def test_every_parameter_has_the_distinct_values_that_regressions_need(exported):
    _, folder = exported
    _, values = rows_of(folder / "parameters.csv")
    assert min(len(np.unique(column)) for column in values.T) >= FEWEST_VALUES


def test_every_column_is_explained(exported):
    _, folder = exported
    with (folder / "columns.csv").open(encoding="utf-8", newline="") as stream:
        told = [(row["file"], row["column"]) for row in csv.DictReader(stream)]
    assert told == [
        (file, name)
        for file in ("parameters.csv", "costs.csv", "effects.csv")
        for name in rows_of(folder / file)[0]
    ]


def test_the_long_table_holds_the_same_numbers(results):
    tables = sim.export(MAIN, to="hesim", from_=results).tables
    long = tables["hesim"]
    assert long.columns.tolist() == ["sample", "strategy", "grp", "qalys", "costs"]
    for column, wide in (("costs", tables["costs"]), ("qalys", tables["effects"])):
        back = long.pivot(index="sample", columns="strategy", values=column)[list(wide)]
        assert np.array_equal(back.to_numpy(), wide.to_numpy())


def test_the_same_analysis_gives_the_same_bytes(exported, results, tmp_path):
    to, folder = exported
    sim.export(MAIN, to=to, from_=results, out=tmp_path)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_one_folder_may_hold_the_exports_for_several_programs(results, tmp_path):
    for to in ("bcea", "hesim"):
        sim.export(MAIN, to=to, from_=results, out=tmp_path)
    assert {"bcea.R", "hesim.R", "hesim.csv"} <= {path.name for path in tmp_path.iterdir()}


# Parameters and names that other programs refuse


def test_a_parameter_with_few_distinct_values_is_left_out_and_named(several):
    drawn = several.psa.parameters
    drawn["cost.end_of_life"] = np.arange(8.0) % 4
    tables = draw_tables(several)
    assert tables.left_out == (("cost.end_of_life", 4),)
    assert "cost.end_of_life" not in tables.parameters
    drawn["cost.end_of_life"] = np.arange(8.0) % 5
    assert not draw_tables(several).left_out


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "\n@", "\r+"])
def test_no_text_becomes_a_formula(start):
    shown = harmless(f"{start}HYPERLINK(1)")
    assert shown[0] == "'"
    assert shown.isprintable()
    assert harmless("1 = 1") == "1 = 1"


def test_strategies_whose_names_are_formulas_are_harmless_headings(tmp_path):
    path = tmp_path / "named.yaml"
    path.write_text(
        f"extends: {MAIN}\ncomparator: '=1+1'\nstrategies:\n"
        "  - {name: '=1+1', sequence: [salvage_chemotherapy], then: usual_care}\n"
        "  - {name: '@x', label: \"-2\\t'\", sequence: [blinatumomab], then: usual_care}\n",
        encoding="utf-8",
    )
    sim.export(path, to="r", draws=6, patients=20, out=tmp_path / "out", cached=False)
    header, _ = rows_of(tmp_path / "out" / "costs.csv")
    assert header == ["'=1+1", "'@x"]
    for file in (tmp_path / "out").glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream):
                assert not any(
                    cell.startswith(export_draws.FORMULA) and not is_number(cell) for cell in row
                )


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


# Noise


def test_noise_is_that_of_the_analysis_and_the_warning_gives_the_command(results):
    found = sim.export(MAIN, to="voi", from_=results)
    gain = PsaResult.read(MAIN, results)._answer.gains[0]
    shares = found.tables["noise"].set_index("quantity")["noise_share"]
    assert shares["qalys"] == gain.splits["qalys"].noise_share
    assert shares["nmb"].tolist() == [each.noise_share for each in gain.nmb.values()]
    warning, _ = found.notes
    assert "more than 10%" in warning
    assert f"--to voi --draws {DRAWS} --patients " in warning


def test_the_patients_of_the_command_leave_little_noise(results):
    """Noise is proportional to 1 / n; 40 draws are few, so within a factor of two of 5 %."""
    noisy = sim.export(MAIN, to="r", from_=results)
    share = noisy.tables["noise"]["noise_share"].max()
    patients = noisy.summary["patients_for_little_noise"]
    if share < 1.0:
        ratio = share / (1.0 - share) * PATIENTS / patients
        assert ratio / (1.0 + ratio) == pytest.approx(0.05, rel=0.2)


def test_quiet_draws_give_no_warning():
    found = sim.export(MAIN, to="r", draws=30, patients=20_000, cached=False)
    assert found.tables["noise"]["noise_share"].max() < 0.1
    assert found.notes == (UNWRITTEN,)


def test_a_command_without_a_folder_says_that_nothing_is_written(results, tmp_path):
    assert UNWRITTEN in said("--to", "excel", "--from", results).stderr
    assert UNWRITTEN not in said("--to", "r", "--from", results, "--out", tmp_path).stderr


def test_the_evpi_of_the_draws_is_above_that_without_noise(results):
    noise = sim.export(MAIN, to="r", from_=results).tables["noise"]
    known = noise[noise["quantity"] == "evpi"]
    assert len(known) >= 3
    assert (known["from_draws"] >= known["without_noise"]).all()


# What is refused


def said(*arguments):
    return CliRunner().invoke(commands, ["export", str(MAIN), *map(str, arguments)])


def test_mistakes_are_told_before_any_work(results, tmp_path):
    for arguments, words in (
        ((), "Missing option '--to'"),
        (("--to", "sas"), "'sas' is not one of"),
        (("--to", "r", "--from", tmp_path / "none"), "is not a folder of results"),
        (("--to", "r", "--from", results, "--draws", 9), "are for a new analysis"),
        (("--to", "r", "--draws", 4, "--patients", 20), "need 5 draws or more"),
    ):
        result = said(*arguments)
        assert result.exit_code == 2
        assert words.replace("'", "") in result.output.replace("'", "")


def test_results_of_another_question_are_refused(results):
    tower = ROOT / "scenarios" / "tower.yaml"
    with pytest.raises(UserError, match="holds other results"):
        sim.export(tower, to="r", from_=results)


def test_what_the_folder_lacks_is_run_into_it(tmp_path, monkeypatch):
    called = {}

    def instead(scenario, **given):
        called.update(given)
        sim.psa(scenario, draws=6, patients=20, out=given["out"], cached=False)

    monkeypatch.setattr("sim.analyses.export.result.psa", instead)
    found = sim.export(MAIN, to="savi", from_=tmp_path)
    assert called["out"] == tmp_path
    assert found.summary["draws"] == 6
    assert (tmp_path / "psa.json").exists()


def test_a_missing_package_is_named_before_any_work(monkeypatch):
    monkeypatch.setattr("sim.analyses.export.result.find_spec", lambda _: None)
    result = said("--to", "excel")
    assert result.exit_code == 2
    assert "needs XlsxWriter: python -m pip install 'blinsim[office]'" in result.output


def test_json_is_the_summary(results):
    result = said("--to", "bcea", "--from", results, "--json")
    summary = json.loads(result.stdout)
    assert summary["to"] == "bcea"
    assert summary["files"] == sorted(names_of("bcea"))


# In R


@needs_r
@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER_OF_SCRIPTS.iterdir()))
def test_every_script_is_r(script):
    code = "invisible(parse(commandArgs(TRUE)))"
    path = str(FOLDER_OF_SCRIPTS / script)
    subprocess.run([R, "-e", code, path], check=True, capture_output=True)


@needs_r
def test_r_reads_the_draws_and_finds_our_acceptability_and_evpi(results, tmp_path):
    """Base R alone: no package of R is needed to read, or for shares of draws."""
    found = sim.export(MAIN, to="r", from_=results, out=tmp_path)
    script = (
        'source("draws.R"); benefit <- evppi_at * effects - costs\n'
        "best <- benefit == apply(benefit, 1, max)\n"
        "cat(sprintf('%.17g', c(colMeans(best / rowSums(best)),"
        " mean(apply(benefit, 1, max)) - max(colMeans(benefit)), dim(parameters))))"
    )
    ran = subprocess.run(
        [R, "-e", script], cwd=tmp_path, check=True, capture_output=True, encoding="utf-8"
    )
    *values, rows, columns = map(float, ran.stdout.split())
    assert (rows, columns) == found.tables["parameters"].shape
    threshold = found._draws.evppi_threshold
    costs, effects = (found.tables[name].to_numpy() for name in ("costs", "effects"))
    noise = found.tables["noise"].query("quantity == 'evpi'").set_index("threshold")
    assert values[:-1] == pytest.approx(ceac(costs, effects, [threshold])[0].tolist(), rel=1e-12)
    assert values[-1] == pytest.approx(noise["from_draws"][threshold], rel=1e-9)


@needs_r
@pytest.mark.slow
@pytest.mark.parametrize(
    ("to", "calls"),
    [
        ("bcea", {"bcea", "summary.bcea", "ceplane.plot", "ceac.plot", "evi.plot"}),
        ("dampack", {"make_psa_obj", "plot.psa", "plot.ceac", "plot.evpi"}),
        ("voi", {"evpi", "evppi"}),
        ("hesim", {"cea", "cea_pw"}),
    ],
)
def test_scripts_call_functions_and_arguments_of_their_packages(to, calls, results, tmp_path):
    """With stand-ins that have the arguments of the references; the packages are not on Debian."""
    sim.export(MAIN, to=to, from_=results, out=tmp_path)
    stand_ins = Path(__file__).with_name("stand_ins.R").as_posix()
    code = f'source("{stand_ins}"); source("{to}.R")'
    if to == "hesim" and not has_package("mgcv"):
        pytest.skip("mgcv is not installed")
    ran = subprocess.run(
        [R, "-e", code], cwd=tmp_path, check=True, capture_output=True, encoding="utf-8"
    )
    assert calls <= set(re.findall(r"called (\S+)", ran.stdout))
    assert "EVPPI per patient at" in ran.stdout


def has_package(name):
    found = subprocess.run([R, "-e", f"library({name})"], check=False, capture_output=True)
    return found.returncode == 0


@needs_r
@pytest.mark.slow
def test_the_script_in_base_r_runs(results, tmp_path):
    sim.export(MAIN, to="r", from_=results, out=tmp_path)
    if not has_package("mgcv"):
        pytest.skip("mgcv is not installed")
    ran = subprocess.run(
        [R, "r.R"], cwd=tmp_path, check=True, capture_output=True, encoding="utf-8"
    )
    assert "EVPPI per patient at" in ran.stdout
    assert (tmp_path / "figures.pdf").read_bytes().startswith(b"%PDF")


def test_the_readme_says_how_the_files_are_used(exported):
    to, folder = exported
    text = (folder / "README.txt").read_text(encoding="utf-8")
    for script in SCRIPTS[to]:
        assert (folder / script).exists()
    assert f"{to}.R" in text or to == "savi"
    assert max(map(len, text.splitlines())) <= 130
