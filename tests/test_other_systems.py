"""Nothing of the program needs what Windows or macOS lack, as far as Linux can show.

Without `fcntl` and its like, without `os.fork` and `os.sched_getaffinity`, in a Latin-1 locale, with
Windows line endings and names like those of drives.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli import commands
from sim.engine.compiled import translation
from sim.errors import UserError
from sim.evidence.calibration import evidence_hash
from sim.evidence.sampler import check_sampler
from sim.files import shipped
from sim.files.documents import read_yaml
from sim.scenario.loading import load_scenario
from sim.spread import order
from tests.support.places import ROOT, SCENARIOS

PROTOCOL = ROOT / "calibration" / "adult_rr.yaml"

BY_HAND = ROOT / "sim" / "analyses" / "verify" / "by_hand"


def program(*arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
    )


def windows_endings(path):
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return path


@pytest.fixture
def clone(tmp_path):
    """Scenarios with Windows line endings."""
    shutil.copytree(SCENARIOS, tmp_path / "scenarios")
    for path in (tmp_path / "scenarios").glob("*.yaml"):
        windows_endings(path)
    return tmp_path


# What the system has


def test_run_without_what_only_this_system_has_gives_the_same_bytes():
    asked = ("run", "first_salvage", "--patients", "50")
    here = CliRunner().invoke(commands, asked)
    there = program("-m", "tests.support.another_system", "sim", *asked)
    assert (here.exit_code, there.returncode) == (0, 0), there.stderr[-2000:]
    assert here.stdout_bytes == there.stdout


@pytest.mark.slow
def test_core_of_the_suite_passes_without_what_only_this_system_has():
    tests = ("tests/scenario", "tests/files/test_atomic.py", "tests/economics", "tests/clinic")
    options = ("-n", "0", "-q", "-p", "no:cacheprovider")
    done = program("-m", "tests.support.another_system", "pytest", *options, *tests)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
def test_processor_without_avx_512_or_fma_gives_the_same_bits():
    """Three generations: the older ones have no vectors of 512 bits, and no fused multiplication."""
    if platform.machine() != "x86_64":
        pytest.skip("the processors are of the x86-64 family")
    asked = ("-m", "sim", "run", "first_salvage", "--patients", "5000", "--json")
    here = program(*asked)
    assert here.returncode == 0, here.stderr[-2000:]
    for older in ("x86-64-v3", "x86-64-v2"):
        there = program(*asked, NUMBA_CPU_NAME=older, NUMBA_CPU_FEATURES="")
        assert there.returncode == 0, there.stderr[-2000:]
        assert there.stdout == here.stdout, older


def test_threads_are_the_processors_where_the_system_names_none_for_this_program(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert order.workers(None) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert order.workers(None) == 1


@pytest.mark.slow
def test_output_in_a_latin_1_locale_is_text_of_it_and_files_are_utf_8(tmp_path):
    old = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1", "LC_ALL": "en_US.ISO-8859-1"}
    asked = ("run", "nhs_first_salvage", "--patients", "50", "--out")
    modern = program("-m", "sim", *asked, tmp_path / "modern", PYTHONUTF8="1")
    done = program("-X", "warn_default_encoding", "-m", "sim", *asked, tmp_path / "old", **old)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "£" in done.stdout.decode("latin-1")
    assert modern.returncode == 0
    for path in (tmp_path / "modern").iterdir():
        assert (tmp_path / "old" / path.name).read_bytes() == path.read_bytes(), path.name


# Line endings and names


@pytest.mark.parametrize("name", sorted(shipped.shipped_files("scenarios")))
def test_scenario_with_windows_line_endings_is_the_same(clone, name):
    there = load_scenario(clone / "scenarios" / f"{name}.yaml")
    assert there.scenario == load_scenario(SCENARIOS / f"{name}.yaml").scenario
    assert there.origin("title") == f"{clone / 'scenarios' / name}.yaml:2"


def test_life_table_with_windows_line_endings_gives_the_same_run(tmp_path):
    table = tmp_path / "three_patients_life_table.csv"
    shutil.copy(BY_HAND / table.name, table)
    scenario = tmp_path / "three_patients.yaml"
    shutil.copy(BY_HAND / scenario.name, scenario)
    asked = ("run", str(scenario), "--patients", "20")
    before = CliRunner().invoke(commands, asked)
    windows_endings(table)
    windows_endings(scenario)
    after = CliRunner().invoke(commands, asked)
    assert before.exit_code == 0, before.stderr
    assert after.stdout == before.stdout


def test_evidence_with_windows_line_endings_is_that_of_the_fit(tmp_path):
    shutil.copytree(ROOT / "calibration", tmp_path / "calibration")
    for path in (tmp_path / "calibration").rglob("*.yaml"):
        windows_endings(path)
    assert evidence_hash(tmp_path / "calibration" / PROTOCOL.name) == evidence_hash(PROTOCOL)


@pytest.mark.parametrize("name", [r"C:\wards\mine.yaml", "C:mine.yaml", "mine: ours.yaml"])
def test_names_like_those_of_drives_are_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(SCENARIOS / "first_salvage.yaml", tmp_path / name)
    assert load_scenario(Path(name)).origin("title").startswith(f"{name}:")
    with pytest.raises(UserError, match="no such file"):
        read_yaml(Path("D:\\nowhere.yaml"))


# Files that come with the program


def test_scenario_is_found_by_name_from_any_folder_and_a_file_of_that_name_wins(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("tower", "tower.yaml"):
        found = load_scenario(Path(name))
        assert found.files == ("tower.yaml", "first_salvage.yaml")
        assert found.scenario == load_scenario(SCENARIOS / "tower.yaml").scenario
    (tmp_path / "tower").mkdir()
    assert load_scenario(Path("tower")).file == "tower.yaml"
    text = (SCENARIOS / "first_salvage.yaml").read_text(encoding="utf-8")
    (tmp_path / "tower.yaml").write_text(text, encoding="utf-8")
    mine = load_scenario(Path("tower.yaml"))
    assert mine.files == ("tower.yaml",)


def test_a_wrong_name_suggests_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="did you mean 'first_salvage'"):
        load_scenario(Path("frist_salvage"))


def test_a_wheel_has_its_own_files_and_not_those_beside_it(tmp_path, monkeypatch):
    inside = tmp_path / "sim" / "shipped" / "scenarios"
    inside.mkdir(parents=True)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "foreign.yaml").touch()
    (inside / "ours.yaml").touch()
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "sim")
    assert list(shipped.shipped_files("scenarios")) == ["ours"]


# Packages


def test_calibrate_without_its_extra_says_how_to_install_it_before_any_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpyro", None)
    monkeypatch.setattr("sim.evidence.sampler.find_spec", lambda name: None)
    with pytest.raises(UserError, match="python -m pip install"):
        check_sampler()
    hidden = (
        "import sys, sim.evidence.sampler as s; s.find_spec = lambda name: None;"
        "sys.argv = ['blinsim', 'calibrate', 'adult_rr']; from sim.cli import main; main()"
    )
    done = program("-c", hidden)
    assert done.returncode == 2
    assert b"python -m pip install" in done.stderr


def test_another_numba_or_one_whose_parts_have_moved_compiles_plainly(monkeypatch):
    assert "pipeline_class" in translation.inlining_pipeline("0.68.1")
    assert translation.inlining_pipeline("0.67.0") == {}
    assert translation.inlining_pipeline("0.680.0") == {}
    monkeypatch.setitem(sys.modules, "sim.engine.compiled.inlining", None)
    assert translation.inlining_pipeline("0.68.1") == {}


def test_plain_compilation_gives_the_same_bits(tmp_path):
    """A quantile and a power, 1,001 times, by way of inlined and of ordinary callees."""
    code = (
        "import sys\n{}\nimport numpy as np\n"
        "from sim.engine.compiled import compiler, translation\n"
        "from tests.support.small_kernel import quantiles\n"
        "values = np.linspace(0.001, 0.999, 1001)\n"
        "compiler.kernel(quantiles)(values)\n"
        "print('pipeline_class' in translation._HELPER, values.tobytes().hex())"
    )
    without = "sys.modules['sim.engine.compiled.inlining'] = None"
    found = [
        program("-c", code.format(first), XDG_CACHE_HOME=str(tmp_path / str(place)))
        for place, first in enumerate(("", without))
    ]
    assert [each.returncode for each in found] == [0, 0], found[1].stderr[-2000:]
    (inlined, bits), (plain, same) = (each.stdout.split() for each in found)
    assert (inlined, plain) == (b"True", b"False")
    assert bits == same
