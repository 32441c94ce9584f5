"""The value of information of a scenario, and the curves of its probabilistic analysis."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from sim.analyses.psa import result as psa_figures
from sim.analyses.psa.acceptability import (
    acceptability_curves,
    ceac,
    ceaf,
    quiet_increments,
    switching_thresholds,
    threshold_grid,
)
from sim.analyses.psa.draws_run import COVARIANCE, run_psa
from sim.analyses.psa.noise import split
from sim.analyses.voi import result as report
from sim.analyses.voi.analysis import (
    default_groups,
    leading,
    matching,
    perfect,
    value_of_information,
)
from sim.analyses.voi.information import evppi
from sim.cli import commands
from sim.errors import UserError
from tests.support.places import SMALLER

MAIN = SMALLER / "first_salvage.yaml"
FLIP = 480_000.0
"""Near the ICER of the main scenario, where information is worth most."""


@pytest.fixture(scope="module")
def psa(ask):
    """The main scenario under 250 draws, 150 patients each."""
    return run_psa(ask("first_salvage", patients=150, seed=5), 250, patients=150)


@pytest.fixture(scope="module")
def several(ask):
    """Five strategies under 30 draws, 60 patients each."""
    return run_psa(ask("blinatumomab_then_inotuzumab", patients=60, seed=6), 30, patients=60)


@pytest.fixture(scope="module")
def found(psa):
    """What is worth knowing of two groups and all parameters."""
    names = list(psa.parameters.columns)
    groups = {
        "prices": matching(names, "prices", ["cost.*"]),
        "bedside": matching(names, "bedside", ["cost.inpatient_day"]),
    }
    return value_of_information(psa, [100_000.0, FLIP], groups)


def test_the_default_groups_divide_all_parameters(psa, several):
    for each in (psa, several):
        names = list(each.parameters.columns)
        groups = default_groups(each.question, names)
        assert sorted(name for group in groups.values() for name in group) == sorted(names)
        wanted = {"response", "relapse", "transplant", "disease", "toxicity", "utilities", "costs"}
        assert wanted <= set(groups)
    assert "inotuzumab.response.log_odds_ratio" in groups["response"]
    assert "usual_care.response.log_odds_ratio" in groups["response"]
    assert "later.next_line_probability" in groups["disease"]


def test_patterns_choose_parameters_and_those_that_fit_nothing_are_refused(psa):
    names = list(psa.parameters.columns)
    chosen = matching(names, "late", ["survivor.*", "*.cured_*"])
    assert "survivor.mortality_ratio" in chosen
    assert "relapse.cured_probability_mrd_negative" in chosen
    with pytest.raises(UserError, match=r"no uncertain parameter fits the pattern 'cots\.\*'"):
        matching(names, "costs", ["cots.*"])


def test_knowing_everything_is_worth_at_least_any_part(found):
    # 250 draws: within 3 standard errors.
    for threshold, everything in found.evpi.items():
        for part in [*found.groups, *found.parameters]:
            worth = part.worth[threshold]
            slack = 3.0 * np.hypot(everything.se, worth.se) + worth.null
            assert 0.0 <= worth.value <= everything.mean + slack
    group, member = (
        next(g for g in found.groups if g.name == name).worth[FLIP]
        for name in ("prices", "bedside")
    )
    assert group.value >= member.value - 3.0 * np.hypot(group.se, member.se) - member.null


def test_a_group_of_one_is_the_parameter(found):
    alone = next(group for group in found.groups if group.name == "bedside")
    parameter = next(each for each in found.parameters if each.name == "cost.inpatient_day")
    assert alone.worth == parameter.worth
    assert found.leading_threshold == FLIP
    values = [each.worth[FLIP].value for each in found.parameters]
    assert values == sorted(values, reverse=True)


def test_threads_change_nothing(several):
    groups = {"prices": ["cost.inpatient_day", "cost.transplant"]}
    one, three = (
        value_of_information(several, [100_000.0], groups, threads=number) for number in (1, 3)
    )
    assert (one.groups, one.parameters) == (three.groups, three.parameters)


def test_noise_is_taken_out_of_the_value_of_perfect_information(psa):
    costs, qalys = psa.values("cost"), psa.values("qalys")
    gained = (qalys[:, 1] - qalys[:, 0]).mean()
    # Where the mean gain is nothing, the value is proportional to the deviation between draws.
    flip = float((costs[:, 1] - costs[:, 0]).mean() / gained)
    benefits = flip * qalys - costs
    drawn = benefits.max(axis=1).mean() - benefits.mean(axis=0).max()
    quiet = perfect(psa, flip)
    share = split(psa.inmb(flip)[:, 1], psa.inmb_noise(flip)[:, 1]).noise_share
    assert 0.1 < share < 0.9
    assert quiet.mean == pytest.approx(drawn * np.sqrt(1.0 - share), rel=0.15)
    assert quiet.mean < drawn


def test_one_strategy_leaves_nothing_to_inform(ask):
    only = [{"name": "alone", "sequence": [], "then": "supportive_care"}]
    psa = run_psa(ask("first_salvage", patients=20, strategies=only), 3, patients=20)
    with pytest.raises(UserError, match="needs two strategies"):
        value_of_information(psa, [1.0], {})
    assert psa_figures.psa_figures(psa) == {}


def test_the_threshold_that_leads_is_that_of_the_highest_value(psa):
    values = {threshold: perfect(psa, threshold) for threshold in (50e3, FLIP, 1e6)}
    assert leading(values) == FLIP


# Curves and the plane


def test_acceptability_curves_hold_what_counting_gives(several):
    curves = acceptability_curves(several)
    grid = threshold_grid(several, several.question.thresholds)
    costs, qalys = several.values("cost"), several.values("qalys")
    wide = curves.pivot(index="threshold", columns="strategy", values="probability")
    np.testing.assert_allclose(wide[several.strategies], ceac(costs, qalys, grid), atol=1e-12)
    for column in ("probability", "without_noise"):
        sums = curves.groupby("threshold")[column].sum()
        np.testing.assert_allclose(sums, 1.0, rtol=0, atol=1e-12)
    optimal = curves[curves["optimal"]].set_index("threshold")["strategy"].loc[grid]
    expected = [several.strategies[s] for s in ceaf(costs, qalys, grid).strategy]
    assert optimal.tolist() == expected
    # The least expected loss is that of the best strategy on average.
    losses = curves.loc[curves.groupby("threshold")["expected_loss"].idxmin()]
    assert losses["optimal"].mean() > 0.95


def test_the_least_expected_loss_of_the_curves_is_the_value_of_perfect_information(several):
    losses = acceptability_curves(several).groupby("threshold")["expected_loss"].min()
    expected = [perfect(several, threshold).mean for threshold in losses.index]
    assert max(expected) > 100.0
    np.testing.assert_allclose(losses, expected, rtol=1e-9, atol=1e-6)


def test_the_grid_reaches_beyond_the_thresholds_and_the_last_switch(several):
    grid = threshold_grid(several, [10_000.0, 20_000.0])
    assert grid[0] == 0.0
    assert 25_000.0 <= grid[-1] <= 100_000.0
    means = several.values("cost").mean(axis=0), several.values("qalys").mean(axis=0)
    last = switching_thresholds(*means)[-1].threshold
    assert threshold_grid(several, [last])[-1] == pytest.approx(1.25 * last)


def test_draws_on_the_plane_have_the_covariance_that_is_not_noise(psa):
    moved = quiet_increments(psa, "blinatumomab")
    drawn = np.column_stack([psa.increments("qalys")[:, 1], psa.increments("cost")[:, 1]])
    np.testing.assert_allclose(moved.mean(axis=0), drawn.mean(axis=0), rtol=1e-9)
    noise = np.diag([psa.increment_noise(name)[:, 1].mean() for name in ("qalys", "cost")])
    noise[0, 1] = noise[1, 0] = psa.values(COVARIANCE)[:, 1].mean()
    expected = np.cov(drawn, rowvar=False) - noise
    assert np.linalg.eigvalsh(expected).min() > 0.0
    np.testing.assert_allclose(np.cov(moved, rowvar=False), expected, rtol=1e-6)


# Files and the command


def invoked(*arguments):
    given = ["voi", str(MAIN), "--draws", "10", "--patients", "30", "--threshold", "260000"]
    return CliRunner().invoke(commands, [*given, "--no-cache", *map(str, arguments)])


def test_files_hold_what_json_holds_at_any_number_of_threads(tmp_path):
    options = ("--incidence", "500", "--years", "10", "--group", "late=survivor.*,relapse.cured_*")
    printed = invoked(*options, "--top", "3", "--threads", "1", "--out", tmp_path / "1")
    assert printed.exit_code == 0, printed.output
    for text in ("EVPI per patient", "EVPI of the population", "Late (3)", "medical advice"):
        assert text in printed.stdout
    result = invoked(*options, "--top", "3", "--threads", "2", "--out", tmp_path / "2", "--json")
    for folder in ("1", "2"):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == sorted(report.NAMES)
    for name in report.NAMES:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    assert (tmp_path / "1" / "voi.json").read_text() == result.stdout
    told = json.loads(result.stdout)
    header, *rows = csv.reader((tmp_path / "1" / "voi.csv").read_text().splitlines())
    assert tuple(header) == report.TABLE.names
    assert len(rows) == len(told["values"])
    everything = dict(zip(header, rows[0], strict=True))
    number = told["population"]["discounted_patients"]
    assert 4000.0 < number < 5000.0
    assert float(everything["population_value"]) == pytest.approx(
        number * told["values"][0]["value"]
    )
    assert list(told["groups"]) == ["late"]
    assert len(told["groups"]["late"]) == 3


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--incidence", "5"), "needs both --incidence and --years"),
        (("--group", "late"), "is not NAME=pattern,pattern"),
        (("--group", "late=nothing.*"), "no uncertain parameter fits"),
        (("--group", "a=cost.*", "--group", "a=utility.*"), "--group: is the name of two groups"),
        (("--threshold", "-5"), "--threshold: "),
        (("--threshold", "1e300"), "--threshold: "),
        (("--threshold", "nan"), "--threshold: 'nan' is not a number"),
        (("--incidence", "1e308", "--years", "5"), "1e+308 is not in the range 0.0<x<=1000000000"),
        (("--incidence", "5", "--years", "inf"), "--years: inf is not in the range 0.0<x<=1000"),
    ],
)
def test_mistakes_end_with_one_message(arguments, problem):
    result = invoked(*arguments)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stdout == ""


def test_the_frontier_is_drawn_from_switch_to_switch_without_a_gap(several):
    """Each black line begins where another ends: at the ICERs of the means."""
    from sim.analyses.psa.acceptability import acceptability_curves
    from sim.analyses.psa.figure import BROAD
    from sim.analyses.psa.result import CURVES, drawn_psa

    (axes,) = drawn_psa(several, acceptability_curves(several))[CURVES].axes
    black = [line for line in axes.lines if line.get_color() == BROAD["color"]]
    drawn = [
        np.asarray(line.get_xdata())[~np.isnan(np.asarray(line.get_ydata(), dtype=float))]
        for line in black
        if len(line.get_xdata())
    ]
    pieces = sorted((xs.min(), xs.max()) for xs in drawn if len(xs))
    means = several.values("cost").mean(axis=0), several.values("qalys").mean(axis=0)
    top = threshold_grid(several, several.question.thresholds)[-1]
    switches = [s.threshold for s in switching_thresholds(*means) if s.threshold < top]
    assert len(pieces) == len(switches) + 1 > 1
    assert [start for start, _ in pieces] == pytest.approx([0.0, *switches])
    assert [end for _, end in pieces] == pytest.approx([*switches, top])


def test_a_parameter_that_nothing_uses_is_worth_nothing(psa):
    """A column of independent draws beside those of the model, 250 draws near the flip."""
    unused = np.random.default_rng(3).standard_normal((psa.draws, 1))
    (found,) = evppi(unused, psa.values("cost"), psa.values("qalys"), [FLIP])
    assert 0.0 <= found.value <= found.null + 3.0 * found.se
    assert not found.exceeds_bias
    assert found.value < 0.1 * perfect(psa, FLIP).mean


@pytest.mark.draws
def test_a_probabilistic_analysis_writes_its_plane_and_its_curves(tmp_path):
    out = tmp_path / "out"
    given = ["psa", str(MAIN), "--draws", "6", "--patients", "30", "--no-cache", "--out", str(out)]
    assert CliRunner().invoke(commands, given).exit_code == 0
    for name in psa_figures.FIGURE_NAMES:
        assert (out / name).stat().st_size > 1000
    header = (out / "acceptability.csv").read_text().splitlines()[0]
    assert header == (
        "strategy,threshold,probability,se,without_noise,without_noise_se,optimal,"
        "expected_loss,expected_loss_se,currency"
    )
