"""An analyst's own life table: a good file is taken as it is, a bad one named by file and line."""

import math
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli import commands
from sim.clinic.mortality import cumulative_hazard
from sim.errors import UserError
from sim.study.question import ask, read_life_table

ROOT = Path(__file__).resolve().parent.parent
GOOD = "age,qx_male,qx_female\n18,0.001,0.0005\n19,0.002,0.0007\n20,0.3,0.25\n"


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_hazard_of_each_year_is_that_of_the_file(write):
    male, female = read_life_table(write(GOOD))
    assert male.ages == female.ages == (18.0, 19.0, 20.0)
    assert male.slopes == female.slopes == (0.0, 0.0, 0.0)
    assert male.hazards == pytest.approx([-math.log1p(-q) for q in (0.001, 0.002, 0.3)], rel=1e-12)
    assert female.hazards == pytest.approx(
        [-math.log1p(-q) for q in (0.0005, 0.0007, 0.25)], rel=1e-12
    )


def test_share_of_the_file_dies_within_each_year(write):
    """Survival of a year is exp(-H) = 1 - q; the last row holds for all older ages."""
    male, female = read_life_table(write(GOOD))
    for table, deaths in ((male, (0.001, 0.002, 0.3)), (female, (0.0005, 0.0007, 0.25))):
        for age, q in zip((18.0, 19.0, 20.0), deaths, strict=True):
            dead = -math.expm1(-cumulative_hazard(table, age, age + 1.0))
            assert dead == pytest.approx(q, rel=1e-12)
        lived = math.exp(-cumulative_hazard(table, 18.0, 23.0))
        q18, q19, q20 = deaths
        assert lived == pytest.approx((1 - q18) * (1 - q19) * (1 - q20) ** 3, rel=1e-12)


@pytest.mark.parametrize(
    "same",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace("19,", "\n19,"),
        GOOD.rstrip("\n"),
        '"age","qx_male","qx_female"\n"18",0.001,0.0005\n19,2e-3,0.0007\n20,.3,.25\n',
        "qx_female,note,age,qx_male\n.0005,a,18,.001\n.0007,,19,.002\n.25,c,20,.3\n",
    ],
    ids=["windows", "byte order mark", "empty line", "no last newline", "quoted", "other order"],
)
def test_same_table_may_be_written_in_other_ways(write, same):
    assert read_life_table(write(same)) == read_life_table(write(GOOD))


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("", 1, "age, qx_male, qx_female"),
        ("\n", 1, "age, qx_male, qx_female"),
        ("age,qx_male\n18,0.1\n", 1, "age, qx_male, qx_female"),
        ("Age,qx_male,qx_female\n18,0.1,0.1\n", 1, "got 'Age"),
        ("age;qx_male;qx_female\n18;0.1;0.1\n", 1, "age, qx_male, qx_female"),
        ("age,age,qx_male,qx_female\n18,18,0.1,0.1\n", 1, "each once"),
        ("age,qx_male,qx_female\n", 1, "above 0"),
        (GOOD.replace("0.002", "many"), 3, "qx_male: is not a number (got 'many')"),
        (GOOD.replace("0.002", ""), 3, "qx_male: is not a number (got '')"),
        (GOOD.replace("0.3,0.25", "0.3"), 4, "qx_female: is not a number"),
        (GOOD.replace("0.0007", "0,0007"), 3, "more cells"),
        (GOOD.replace("18,", "1_8,"), 2, "age: is not a number (got '1_8')"),
        (GOOD.replace("0.25", "1"), 4, "qx_female: a probability of death"),
        (GOOD.replace("0.25", "1.5"), 4, "qx_female: a probability of death"),
        (GOOD.replace("0.001", "-0.001"), 2, "qx_male: a probability of death"),
        (GOOD.replace("0.001", "nan"), 2, "qx_male: a probability of death"),
        (GOOD.replace("0.001", "inf"), 2, "qx_male: a probability of death"),
        (GOOD.replace("20,", "19,"), 4, "age: ages must rise"),
        (GOOD.replace("20,", "18,"), 4, "age: ages must rise"),
        (GOOD.replace("18,", "nan,"), 2, "age: ages must rise"),
        (GOOD.replace("20,", "nan,"), 4, "age: ages must rise"),
        (GOOD.replace("20,", "inf,"), 4, "age: ages must rise"),
        (GOOD.replace("18,", "-1,"), 2, "age: ages must rise"),
        (GOOD.replace("0.25", "0"), 4, "above 0"),
        (GOOD.replace("0.3", "1e-20"), 4, "above 0"),
        (GOOD.replace("0.001", '"0.001'), None, "is not CSV"),
        (GOOD.encode().replace(b"0.002", b"0.\xb502"), 3, "is not UTF-8 text"),
        (GOOD.encode("utf-16"), 1, "is not UTF-8 text"),
        (GOOD.replace("0.002", "0.\x0002"), 3, "is not a number"),
    ],
)
def test_bad_content_is_named_by_file_and_line(write, content, line, says):
    path = write(content)
    with pytest.raises(UserError) as caught:
        read_life_table(path)
    message = str(caught.value)
    place = f"{path}:{line}: " if line is not None else f"{path}:"
    assert message.startswith(place)
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize("age", [2, 40, 4000])
def test_line_is_right_wherever_the_mistake_stands(write, age):
    rows = [f"{year},0.01,0.01" for year in range(5000)]
    rows[age] = f"{age},0.01,1.0"
    path = write("age,qx_male,qx_female\n" + "\n".join(rows))
    with pytest.raises(UserError) as caught:
        read_life_table(path)
    assert str(caught.value).startswith(f"{path}:{age + 2}: qx_female: ")


def scenario(folder, life_table):
    path = folder / "own_table.yaml"
    path.write_text(
        f"extends: {os.path.relpath(ROOT / 'scenarios' / 'first_salvage.yaml', folder)}\n"
        f"title: Own life table\nlife_table: {life_table}\n",
        encoding="utf-8",
    )
    return path


def test_scenario_takes_the_table_beside_it(tmp_path, write):
    write(GOOD)
    model = ask(scenario(tmp_path, "table.csv")).model
    assert (model.life_table_male, model.life_table_female) == read_life_table(
        tmp_path / "table.csv"
    )


@pytest.mark.parametrize("kind", ["bad", "folder", "missing"])
def test_run_ends_with_one_message_and_writes_nothing(tmp_path, write, kind):
    if kind == "bad":
        write(GOOD.replace("0.25", "1"))
    elif kind == "folder":
        (tmp_path / "table.csv").mkdir()
    out = tmp_path / "out"
    result = CliRunner().invoke(
        commands, ["run", str(scenario(tmp_path, "table.csv")), "--out", str(out)]
    )
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "table.csv" in result.stderr
    assert not out.exists()


def test_table_that_kills_sooner_shortens_life(tmp_path, write):
    """A death rate of 50 % a year from 18 on, against one of 0.1 %; 50 patients, same luck."""
    from sim.study.simulation import run

    lived = []
    for q in ("0.001", "0.5"):
        write(f"age,qx_male,qx_female\n18,{q},{q}\n")
        simulation = run(ask(scenario(tmp_path, "table.csv"), patients=50))
        lived.append([arm.outcomes["death_days"].to_numpy() for arm in simulation.arms])
    for long, short in zip(*lived, strict=True):
        assert (short <= long).all()
        assert (short < long).any()
