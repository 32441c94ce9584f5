"""An analyst's own life table: a good file is taken as it says, a bad one named by file and line."""

import json
import math
import os
from itertools import pairwise

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_catalogue
from sim.cli import commands
from sim.clinic.mortality import cumulative_hazard, gompertz
from sim.errors import UserError
from sim.simulation.question import ask, life_expectancy, read_life_table
from tests.support.places import ROOT

HEAD = "age,{0}_male,{0}_female\n"
AGES = tuple(range(18, 98))
MEN = tuple(0.001 * 1.07 ** (age - 18) for age in AGES)
WOMEN = tuple(0.0005 * 1.08 ** (age - 18) for age in AGES)


def table_text(ages, men, women, measure="qx", unit=None):
    """Return a file; with a `unit`, in a column of its own."""
    end = "" if unit is None else f",{unit}"
    head = HEAD.format(measure).rstrip("\n") + ("" if unit is None else ",unit") + "\n"
    rows = zip(ages, men, women, strict=True)
    return head + "".join(f"{age},{m!r},{f!r}{end}\n" for age, m, f in rows)


GOOD = table_text(AGES, MEN, WOMEN)
LINES = GOOD.splitlines(keepends=True)


def changed(line, old, new):
    """Return the good file with `old` replaced on a line of it, counted from 1."""
    lines = list(LINES)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    return "".join(lines)


def aggregated(deaths, ages, step):
    """Return ages `step` apart, and the probabilities of death before the next, the last open."""
    starts = list(range(ages[0], ages[-1] + 1, step))
    lived = dict(zip(ages, (1.0 - q for q in deaths), strict=True))
    found = []
    for start, end in pairwise(starts):
        found.append(1.0 - math.prod(lived[age] for age in range(start, end)))
    return starts, [*found, 1.0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def write(folder):
    def write(content):
        path = folder / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


# What a file says


def test_hazard_of_each_year_is_that_of_the_file(write):
    male, female = read_life_table(write(GOOD))
    assert male.ages == female.ages == tuple(map(float, AGES))
    assert set(male.slopes) == set(female.slopes) == {0.0}
    assert male.hazards == pytest.approx([-math.log1p(-q) for q in MEN], rel=1e-12)
    assert female.hazards == pytest.approx([-math.log1p(-q) for q in WOMEN], rel=1e-12)


def test_share_of_the_file_dies_within_each_year(write):
    """Survival of a year is exp(-H) = 1 - q; the last row holds for all older ages."""
    male, female = read_life_table(write(GOOD))
    for table, deaths in ((male, MEN), (female, WOMEN)):
        for age, q in zip(AGES, deaths, strict=True):
            dead = -math.expm1(-cumulative_hazard(table, age, age + 1.0))
            assert dead == pytest.approx(q, rel=1e-9)
        lived = math.exp(-cumulative_hazard(table, 18.0, 107.0))
        expected = math.prod(1 - q for q in deaths) * (1 - deaths[-1]) ** 9
        assert lived == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "same",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace("\n19,", "\n\n19,"),
        GOOD.rstrip("\n"),
        GOOD.replace("age", '"age"').replace("\n18,", '\n"18",'),
        "qx_female,note,age,qx_male\n"
        + "".join(f"{w!r},x,{a},{m!r}\n" for a, m, w in zip(AGES, MEN, WOMEN, strict=True)),
        table_text(AGES, MEN, WOMEN, unit="qx"),
        table_text(AGES, MEN, WOMEN, unit=" qx "),
        table_text(AGES, MEN, WOMEN, unit="nqx"),
        table_text(AGES, MEN, WOMEN, "nqx"),
        table_text(AGES, MEN, WOMEN, "nqx", unit="nqx"),
    ],
    ids=[
        "windows",
        "byte order mark",
        "empty line",
        "no last newline",
        "quoted",
        "other order",
        "unit qx",
        "unit with spaces",
        "unit nqx",
        "headings nqx",
        "both nqx",
    ],
)
def test_same_table_may_be_written_in_other_ways(write, same):
    assert read_life_table(write(same)) == read_life_table(write(GOOD))


def test_rates_and_probabilities_of_one_table_agree(write):
    """A rate of -ln(1 - q); 1e-14 relative."""
    rates = [[-math.log(1.0 - q) for q in sex] for sex in (MEN, WOMEN)]
    for unit in (None, "mx"):
        by_rates = read_life_table(write(table_text(AGES, *rates, "mx", unit=unit)))
        for ours, theirs in zip(by_rates, read_life_table(write(GOOD)), strict=True):
            assert ours.hazards == pytest.approx(theirs.hazards, rel=1e-14)


def test_probability_of_five_years_is_spread_over_five_years(write):
    ages, men = aggregated(MEN, AGES, 5)
    male, _ = read_life_table(write(table_text(ages, men, men, "nqx")))
    for age, following, q in zip(ages, ages[1:], men, strict=False):
        assert cumulative_hazard(male, age, following) == pytest.approx(-math.log1p(-q), rel=1e-12)
        assert cumulative_hazard(male, age, age + 1) == pytest.approx(-math.log1p(-q) / 5, rel=1e-9)
    assert read_life_table(write(table_text(ages, men, men, unit="nqx")))[0] == male


def test_yearly_probability_given_every_five_years_is_taken_as_such_when_the_file_says_so(write):
    ages, men = AGES[::5], MEN[::5]
    male, _ = read_life_table(write(table_text(ages, men, men, unit="qx")))
    assert male.hazards == pytest.approx([-math.log1p(-q) for q in men], rel=1e-12)


@pytest.mark.parametrize("measure", ["qx", "nqx"])
def test_open_interval_has_the_hazard_of_the_row_before(write, measure):
    ages, men = (*AGES, 98), (*MEN, 1.0)
    male, _ = read_life_table(write(table_text(ages, men, men, measure)))
    assert male.hazards[-1] == male.hazards[-2] == pytest.approx(-math.log1p(-MEN[-1]))


# What a file may not say


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("", 1, "age, qx_male, qx_female"),
        ("\n", 1, "age, qx_male, qx_female"),
        ("age,qx_male\n18,0.1\n", 1, "age, qx_male, qx_female"),
        (GOOD.replace("age", "Age"), 1, "got 'Age"),
        ("age," + GOOD, 1, "each once"),
        (HEAD.format("qx"), 1, "two rows or more"),
        (HEAD.format("qx") + "18,0.1,0.1\n", 2, "two rows or more"),
        (GOOD.replace("qx_male", "mx_male"), 1, "it holds qx and mx: leave one in"),
        (GOOD.replace("qx_female", "nqx_female"), 1, "it holds qx and nqx: leave one in"),
        (changed(1, "qx_female", "qx_female,unit,unit"), 1, "unit stands there twice"),
        (changed(3, repr(MEN[1]), "many"), 3, "qx_male: is not a number (got 'many')"),
        (changed(3, repr(MEN[1]), ""), 3, "qx_male: is not a number (got '')"),
        (changed(4, f",{WOMEN[2]!r}", ""), 4, "qx_female: is not a number"),
        (changed(3, repr(WOMEN[1]), "0,0007"), 3, "more cells"),
        (changed(2, "18,", "1_8,"), 2, "age: is not a number (got '1_8')"),
        (
            changed(len(LINES), "97,", "97+,"),
            len(LINES),
            "age: is not a number: write 97; the last",
        ),
        (GOOD.replace(",", ";"), 1, "its columns are separated by semicolons: save it with commas"),
        (changed(4, repr(WOMEN[2]), "1"), 4, "qx_female: a probability of death"),
        (changed(4, repr(WOMEN[2]), "1.5"), 4, "qx_female: a probability of death"),
        (changed(2, repr(MEN[0]), "-0.001"), 2, "qx_male: a probability of death"),
        (changed(2, repr(MEN[0]), "nan"), 2, "qx_male: a probability of death"),
        (changed(81, repr(MEN[-1]), "nan"), 81, "qx_male: a probability of death"),
        (changed(2, repr(MEN[0]), "inf"), 2, "qx_male: a probability of death"),
        (changed(4, "20,", "19,"), 4, "age: ages must rise"),
        (changed(4, "20,", "18,"), 4, "age: ages must rise"),
        (changed(2, "18,", "nan,"), 2, "age: ages must rise"),
        (changed(4, "20,", "nan,"), 4, "age: ages must rise"),
        (changed(81, "97,", "inf,"), 81, "age: ages must rise"),
        (changed(2, "18,", "-1,"), 2, "age: ages must rise"),
        (changed(81, repr(WOMEN[-1]), "0"), 81, "qx_female: the last row must hold deaths"),
        (changed(81, repr(MEN[-1]), "1e-20"), 81, "qx_male: the last row must hold deaths"),
        (changed(2, repr(MEN[0]), '"0.001'), None, "is not CSV"),
        (GOOD.encode().replace(b"\n19,0", b"\n19,\xb5"), 3, "is not UTF-8 text"),
        (GOOD.encode("utf-16"), 1, "is not UTF-8 text"),
        (changed(3, repr(MEN[1]), "0.\x0002"), 3, "is not a number"),
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


def refusal(path, *given):
    with pytest.raises(UserError) as caught:
        read_life_table(path, *given)
    return str(caught.value)


@pytest.mark.parametrize("step", [2, 5, 10])
def test_steps_of_several_years_that_the_file_does_not_explain_are_refused(write, step):
    """Read as yearly risks they would make people live far too long."""
    ages, men = aggregated(MEN, AGES, step)
    found = refusal(write(table_text(ages, men, men)))
    assert found.startswith(f"{write(table_text(ages, men, men))}:3: age: ages do not rise by one")
    for text in ("nqx_male", "a column unit with nqx", "a column unit with qx"):
        assert text in found


@pytest.mark.parametrize(
    ("heading", "unit", "says"),
    [
        ("qx", "mx", "2: unit: must be qx or nqx where the headings are qx_male"),
        ("nqx", "qx", "2: unit: must be nqx where"),
        ("mx", "nqx", "2: unit: must be mx where"),
        ("qx", "per person-year", "2: unit: must be qx or nqx where"),
        ("qx", "", "2: unit: must be qx or nqx where"),
    ],
)
def test_unit_column_may_not_contradict_the_headings(write, heading, unit, says):
    assert says in refusal(write(table_text(AGES, MEN, WOMEN, heading, unit=unit)))


def test_unit_is_the_same_in_every_row(write):
    text = table_text(AGES, MEN, WOMEN, unit="qx").splitlines(keepends=True)
    text[3] = text[3].replace(",qx", ",nqx")
    assert ":4: unit: must be the same in every row (got 'nqx')" in refusal(write("".join(text)))


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (100, "look like percentages: divide by 100"),
        (1000, "look like deaths per 1,000: divide by 1,000"),
        (100_000, "look like deaths per 100,000: divide by 100,000"),
    ],
)
@pytest.mark.parametrize("measure", ["qx", "nqx", "mx"])
def test_numbers_of_another_unit_are_refused_with_its_name(write, measure, factor, says):
    men = [factor * min(q, 0.9) for q in MEN]
    assert says in refusal(write(table_text(AGES, men, men, measure)))


def test_one_number_out_of_range_is_not_taken_for_a_unit(write):
    assert "look like" not in refusal(write(changed(4, repr(WOMEN[2]), "1.5")))


def test_table_must_cover_the_ages_of_the_model(write):
    young = table_text(AGES[2:], MEN[2:], WOMEN[2:])
    assert ":2: age: the first row must be of 18 years" in refusal(write(young))
    assert read_life_table(write(young), 20.0)
    short = table_text(AGES[:67], MEN[:67], WOMEN[:67])
    assert ":68: age: the last row must be of 85 years or more (got 84.0)" in refusal(write(short))


def test_open_interval_must_come_after_85(write):
    """85 and above with probability 1 says nothing of how long they live."""
    men = [*MEN[:67], 1.0]
    found = refusal(write(table_text(AGES[:68], men, men)))
    assert ":69: qx_male: a last row with probability 1" in found
    assert "mx_male" in found


# Properties


@st.composite
def yearly_tables(draw):
    """Ages 18 to 109: Gompertz hazards from 2e-4 to 2e-3 at 18, from 0.4 to 1.6 at 108.

    Each year's is up to 10 % off; the last two are the same, so that nothing is lost in the open
    interval.
    """
    first, last = draw(st.floats(2e-4, 2e-3)), draw(st.floats(0.4, 1.6))
    factors = draw(st.lists(st.floats(0.9, 1.1), min_size=91, max_size=91))
    hazards = [
        first * (last / first) ** (year / 90) * factor for year, factor in enumerate(factors)
    ]
    return [-math.expm1(-hazard) for hazard in (*hazards, hazards[-1])]


@given(yearly_tables(), st.integers(1, 10), st.floats(18.0, 60.0))
def test_aggregated_table_gives_the_life_expectancy_of_the_yearly_one(write, deaths, step, age):
    """Within 0.013 n² years for steps of n years, a third of a year for five; exactly for one.

    Within an interval the hazard rises, and is taken to be constant.
    """
    ages = tuple(range(18, 110))
    yearly, _ = read_life_table(write(table_text(ages, deaths, deaths)))
    starts, deaths_within = aggregated(deaths, ages, step)
    found, _ = read_life_table(write(table_text(starts, deaths_within, deaths_within, "nqx")))
    tolerance = 1e-9 if step == 1 else 0.013 * step**2
    expected = life_expectancy(yearly, age)
    assert life_expectancy(found, age) == pytest.approx(expected, abs=tolerance)
    for start in starts:
        whole = cumulative_hazard(yearly, 18.0, start)
        assert cumulative_hazard(found, 18.0, start) == pytest.approx(whole, rel=1e-9, abs=1e-12)


# In a scenario


def scenario(folder, life_table, more=""):
    path = folder / "own_table.yaml"
    path.write_text(
        f"extends: {os.path.relpath(ROOT / 'scenarios' / 'first_salvage.yaml', folder)}\n"
        f"title: Own life table\nlife_table: {life_table}\n{more}",
        encoding="utf-8",
    )
    return path


def invoked(command, path, *more):
    return CliRunner().invoke(commands, [command, str(path), *map(str, more)])


def test_scenario_takes_the_table_beside_it(folder, write):
    write(GOOD)
    model = ask(scenario(folder, "table.csv")).model
    assert (model.life_table_male, model.life_table_female) == read_life_table(folder / "table.csv")


def test_first_row_must_be_of_the_youngest_patient_of_the_population(folder, write):
    write(table_text(AGES[2:], MEN[2:], WOMEN[2:]))
    with pytest.raises(UserError, match=r"table.csv:2: age: the first row must be of 18 years"):
        ask(scenario(folder, "table.csv"))
    older = "parameters: {population.age_minimum_years: 21}\n"
    assert ask(scenario(folder, "table.csv", older)).life_tables[0].ages[0] == 20.0


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("kind", ["bad", "steps", "folder", "missing"])
def test_run_and_check_end_with_the_same_message_and_write_nothing(tmp_path, kind, command):
    path = tmp_path / "table.csv"
    if kind == "bad":
        path.write_text(changed(4, repr(WOMEN[2]), "1"))
    elif kind == "steps":
        path.write_text(table_text(*(sex[::5] for sex in (AGES, MEN, WOMEN))))
    elif kind == "folder":
        path.mkdir()
    out = tmp_path / "out"
    more = ["--out", out] if command == "run" else []
    result = invoked(command, scenario(tmp_path, "table.csv"), *more)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "table.csv" in result.stderr
    assert not out.exists()
    other = invoked({"run": "check", "check": "run"}[command], scenario(tmp_path, "table.csv"))
    assert other.stderr == result.stderr


def test_check_reads_the_life_tables_of_the_what_ifs(folder, write):
    path = write(changed(4, repr(WOMEN[2]), "1"))
    own = "what_ifs:\n  other_table:\n    life_table: table.csv\n"
    result = invoked("check", scenario(folder, "us_2019", own))
    assert result.exit_code == 2
    assert f"{path.name}:4: qx_female: a probability" in result.stderr


def test_run_prints_life_expectancy_beside_that_of_the_perspective(folder, write):
    """At 39, the median age of the population; the integral of the yearly table by hand."""
    path = scenario(folder, "table.csv")
    write(GOOD)
    lived = []
    for deaths in (MEN, WOMEN):
        years, alive = 0.0, 1.0
        for age, q in zip(AGES, deaths, strict=True):
            if age >= 39:
                years += alive * q / -math.log1p(-q)
                alive *= 1 - q
        lived.append(years + alive / -math.log1p(-deaths[-1]))
    catalogue = load_catalogue().life_tables["us_2019"]
    usual = [
        life_expectancy(gompertz(catalogue.ages, sex), 39.0)
        for sex in (catalogue.male, catalogue.female)
    ]
    line = (
        f"table.csv; life expectancy at 39: men {lived[0]:.1f}, women {lived[1]:.1f} years "
        f"(the perspective's us_2019: {usual[0]:.1f} and {usual[1]:.1f})"
    )
    checked = invoked("check", path)
    assert checked.exit_code == 0
    assert f"Life table: {line}\n" in checked.stdout
    told = invoked("run", path, "--patients", 20)
    assert " ".join(f"Life table {line}".split()) in " ".join(told.stdout.split())
    assert "Warning" not in told.stdout
    summary = json.loads(invoked("run", path, "--patients", 20, "--json").stdout)["life_table"]
    assert summary["file"] == "table.csv"
    assert list(summary["life_expectancy_years"].values()) == pytest.approx(lived, rel=1e-9)
    assert list(summary["perspective_life_expectancy_years"].values()) == usual
    assert summary["sentence"] == line


def test_nothing_is_said_where_the_table_is_that_of_the_catalogue():
    result = invoked("run", ROOT / "scenarios" / "first_salvage.yaml", "--patients", 20, "--json")
    assert "life_table" not in json.loads(result.stdout)


@pytest.mark.parametrize("kind", ["too long", "five years as one"])
def test_life_expectancy_that_is_far_off_is_warned_of(folder, write, kind):
    """A fiftieth of the risks of men; or five-year risks in a file that calls them yearly."""
    if kind == "too long":
        write(table_text(AGES, [q / 50 for q in MEN], WOMEN))
    else:
        ages, men = aggregated(MEN, AGES, 5)
        write(table_text(ages, men, men, unit="qx"))
    result = invoked("check", scenario(folder, "table.csv"))
    assert result.exit_code == 0
    assert "Warning: they differ by more than a factor of 1.5" in result.stdout


def test_comparison_says_which_scenario_has_a_table_of_its_own(folder, write):
    write(GOOD)
    own = scenario(folder, "table.csv")
    main = ROOT / "scenarios" / "first_salvage.yaml"
    result = invoked("compare", main, own, "--patients", 20)
    assert result.exit_code == 0, result.output
    assert "Life table   own_table: table.csv; life expectancy at 39" in result.stdout


def test_table_that_kills_sooner_shortens_life(folder, write):
    """A death rate of 50 % a year from 18 on, against one of 0.1 %; 50 patients, same random numbers."""
    from sim.simulation.run import run

    lived = []
    for q in (0.001, 0.5):
        write(table_text((18, 85), (q, q), (q, q), unit="qx"))
        simulation = run(ask(scenario(folder, "table.csv"), patients=50))
        lived.append([arm.outcomes["death_days"].to_numpy() for arm in simulation.arms])
    for long, short in zip(*lived, strict=True):
        assert (short <= long).all()
        assert (short < long).any()
