"""Sobol and Morris give the closed forms of known functions, and hold on the model."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sim.analyses.morris import result as screening
from sim.analyses.morris.result import TABLE as MORRIS
from sim.analyses.morris.result import morris_table
from sim.analyses.shared.cube import FITTED, Cube, Design, Part, cube, group_of, salib_seed
from sim.analyses.shared.store import analysis_manifest, opened
from sim.analyses.shared.target import Target, aimed
from sim.analyses.sobol import analysis as sobol
from sim.analyses.sobol.analysis import shapley_effects, sobol_points
from sim.analyses.sobol.result import FILE_LAYOUT, sobol_table
from sim.analyses.sobol.result import TABLE as SOBOL
from sim.errors import UserError
from sim.simulation.parameter_draws import fitted_draws, uncertain
from sim.simulation.question import ask, with_numbers
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.global_sensitivity import morris_of, sobol_of
from tests.support.places import SCENARIOS

MAIN = SCENARIOS / "first_salvage.yaml"


def looked_at(question, outcome="nmb", posterior=None):
    return aimed(question, outcome, None, None)[0], cube(question, posterior)


def design_of(names, points):
    """The design of a function of so many coordinates."""
    target = Target(SimpleNamespace(seed=1), None, "", 0.0, None)
    parts = tuple(Part((name,), name, None) for name in names)
    return Design(target, Cube(parts), None, points)


def ishigami(points):
    """sin x1 + 7 sin² x2 + 0.1 x3⁴ sin x1 on (-π, π)³."""
    x = np.pi * (2.0 * points - 1.0)
    return np.sin(x[:, 0]) * (1.0 + 0.1 * x[:, 2] ** 4) + 7.0 * np.sin(x[:, 1]) ** 2


def g_function(points):
    """Sobol's G with a = 0, 1, 4.5, 9, 99, …"""
    a = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])
    return np.prod((np.abs(4.0 * points - 2.0) + a) / (1.0 + a), axis=1)


def g_indices():
    """V_i = 1 / (3 (1 + a_i)²), V = Π (1 + V_i) - 1, total of i: V_i Π_{j≠i} (1 + V_j)."""
    a = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])
    partial = 1.0 / (3.0 * (1.0 + a) ** 2)
    whole = np.prod(1.0 + partial)
    return partial / (whole - 1.0), partial * whole / (1.0 + partial) / (whole - 1.0)


# Known functions: 4096 points of a scrambled Sobol sequence, tolerance 0.02.


def test_ishigami_has_its_published_indices():
    """Ishigami and Homma 1990: 0.3139, 0.4424, 0 and 0.5576, 0.4424, 0.2437."""
    found = sobol_of(ishigami, ["a", "b", "c"], draws=4096, seed=0)
    assert found["first_order"].tolist() == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)
    assert found["total"].tolist() == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)


def test_groups_of_ishigami_join_their_interaction():
    """x1 and x3 together explain all but what x2 does, to the first order."""
    found = sobol_of(ishigami, ["a", "b", "c"], ["g", "h", "g"], draws=4096, seed=1)
    assert list(found.index) == ["g", "h"]
    assert found["first_order"].tolist() == pytest.approx([0.5576, 0.4424], abs=0.02)
    assert found["total"].tolist() == pytest.approx([0.5576, 0.4424], abs=0.02)


def test_the_g_function_has_its_closed_form():
    found = sobol_of(g_function, list("abcdef"), draws=4096, seed=2)
    first, total = g_indices()
    assert found["first_order"].tolist() == pytest.approx(first.tolist(), abs=0.02)
    assert found["total"].tolist() == pytest.approx(total.tolist(), abs=0.02)


def test_the_interval_of_an_index_holds_the_truth_as_often_as_it_says():
    """G function, 256 points, 40 seeds, 6 inputs: 95 % intervals hold in at least 85 %."""
    first, _ = g_indices()
    held = 0
    for seed in range(40):
        found = sobol_of(g_function, list("abcdef"), draws=256, seed=seed)
        held += int((np.abs(found["first_order"] - first) <= found["first_order_ci"]).sum())
    assert held >= 0.85 * 240


def test_morris_of_a_linear_function_is_exact():
    weights = np.array([5.0, -3.0, 0.0, 1.0])
    found = morris_of(lambda u: u @ weights, list("abcd"), trajectories=8, seed=0)
    assert found["mu"].tolist() == pytest.approx(weights.tolist(), abs=1e-9)
    assert found["mu_star"].tolist() == pytest.approx(np.abs(weights).tolist(), abs=1e-9)
    assert found["sigma"].tolist() == pytest.approx([0.0] * 4, abs=1e-9)


def test_morris_ranks_the_g_function():
    found = morris_of(g_function, list("abcdef"), trajectories=50, seed=0)
    assert list(found["mu_star"].sort_values(ascending=False).index[:4]) == list("abcd")
    assert (found["sigma"][:4] > 0.0).all()


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_a_seed_gives_the_same_indices_again(seed):
    """SALib takes a seed of 0 for none: ours never is."""
    assert salib_seed(seed) >= 1
    one, two = (sobol_of(ishigami, list("abc"), draws=64, seed=seed) for _ in range(2))
    assert one.to_csv() == two.to_csv()


def test_what_does_not_vary_has_no_indices():
    found = sobol_of(lambda points: np.ones(len(points)), list("ab"), draws=8, seed=1)
    assert found.isna().all().all()


@pytest.mark.parametrize("draws", [3, 100])
def test_the_number_of_points_is_a_power_of_two(draws):
    with pytest.raises(UserError, match="--draws: must be a power of 2"):
        sobol_points(["a"], None, draws=draws, seed=1)


# The cube of the model


@pytest.fixture(scope="module")
def question():
    return ask(MAIN, patients=60)


def test_the_cube_holds_every_uncertain_parameter(question):
    space = cube(question, None)
    values = space.values(np.full((1, len(space.coordinates)), 0.5))
    assert sorted(values.columns) == uncertain(question, None)
    assert len(set(space.groups)) >= 15


def test_a_coordinate_is_the_quantile_of_its_parameter(question):
    space = cube(question, None)
    place = space.coordinates.index("response.baseline_logit")
    points = np.full((3, len(space.coordinates)), 0.5)
    points[:, place] = [0.025, 0.5, 0.975]
    quantile = question.parameters["response.baseline_logit"].distribution.quantile
    values = space.values(points)
    assert values["response.baseline_logit"].tolist() == [quantile(u) for u in points[:, place]]
    others = values.drop(columns="response.baseline_logit")
    assert (others.nunique() == 1).all()


def test_the_corners_of_the_cube_are_values_that_can_be(question):
    space = cube(question, None)
    for corner in (0.0, 1.0):
        values = space.values(np.full((1, len(space.coordinates)), corner))
        for name in values.columns:
            assert question.parameters[name].check(float(values[name].iloc[0])) is None


def test_shares_of_a_whole_never_exceed_it(question):
    space = cube(question, None)
    points = sobol_points(space.coordinates, None, draws=2, seed=5)
    values = space.values(points)
    for kind in ("mix", "toxicity.crs", "toxicity.hepatotoxicity"):
        shares = [name for name in values.columns if kind in name and name.endswith("_share")]
        assert len(shares) >= 2
        assert (values[shares].sum(axis=1) <= 1.0 + 1e-12).all()
    assert len({space.groups[space.coordinates.index(name)] for name in shares}) == 1


def test_every_shipped_question_has_fifteen_groups_and_each_parameter_one():
    for path in sorted(SCENARIOS.glob("*.yaml")):
        asked = ask(path, patients=10)
        assert len(set(cube(asked, None).groups)) >= 15, path
        assert len(set(cube(asked, fitted_draws(asked)).groups)) >= 15, path


def test_fitted_parameters_are_one_coordinate_in_the_order_of_their_main_direction(question):
    generator = np.random.default_rng(1)
    first = generator.standard_normal(50)
    posterior = pd.DataFrame(
        {"response.baseline_logit": 0.9 + 0.1 * first, "relapse.sigma": np.exp(0.1 * first)}
    )
    space = cube(question, posterior)
    assert space.coordinates[0] == space.groups[0] == FITTED
    assert "relapse.sigma" not in space.coordinates
    points = np.full((50, len(space.coordinates)), 0.5)
    points[:, 0] = (np.arange(50) + 0.5) / 50
    values = space.values(points)
    assert values["relapse.sigma"].is_monotonic_increasing
    rows = {tuple(row) for row in posterior.to_numpy()}
    assert {tuple(row) for row in values[list(posterior.columns)].to_numpy()} == rows


# The model: n = 60 patients, 4 points.


@pytest.fixture(scope="module")
def small(question):
    return sobol.design(*looked_at(question), grouped=True, draws=4)


@pytest.fixture(scope="module")
def indices(small):
    return sobol.sobol(small, check=True).run(threads=2)


def test_an_outcome_at_a_point_is_that_of_a_run_of_its_own(small):
    points = small.points[:2]
    found = small.runs(points, list).run()
    values = small.cube.values(points)
    for place in range(2):
        numbers = {str(name): float(values[name].iloc[place]) for name in values.columns}
        alone = with_numbers(small.target.question, numbers)
        (comparison,) = summarise(run(alone)).comparisons
        expected = comparison.nmb[small.target.threshold]
        assert found[place] == pytest.approx(expected.mean, rel=1e-9)


def test_the_table_has_a_row_for_each_group_and_the_check_beside_it(small, indices):
    table = sobol_table(indices)
    assert tuple(table.columns) == SOBOL.names
    assert sorted(table["group"]) == sorted(set(small.cube.groups))
    assert table["parameters"].sum() == len(small.cube.coordinates)
    assert table["total"].is_monotonic_decreasing
    assert 0.0 <= indices.check.noise_share
    assert table[["first_order_check", "total_check"]].notna().all().all()
    assert json.loads(FILE_LAYOUT.json(indices))["noise_share"] == indices.check.noise_share


def test_threads_do_not_matter(small, indices):
    assert FILE_LAYOUT.json(sobol.sobol(small, check=True).run(threads=1)) == FILE_LAYOUT.json(
        indices
    )


def test_what_was_finished_is_not_simulated_again(small, indices, tmp_path):
    """Killed after 70 of 96 and 96 runs; the first chunk holds 64."""

    class Killed(Exception):
        pass

    finished = []

    def until(runs):
        finished.append(runs)
        if len(finished) == 70:
            raise Killed

    runs = sobol.sobol(small, check=True)
    asked = analysis_manifest(runs.question, "sobol", {}, chunks=runs.chunks, chunk=runs.chunk)
    names = ("sobol.csv",)
    with pytest.raises(Killed), opened(tmp_path, asked, names, resume=False) as store:
        runs.run(threads=2, progress=until, store=store)
    with pytest.raises(UserError, match="1 of 3 chunks of first_salvage.yaml"):
        opened(tmp_path, asked, names, resume=False).__enter__()
    finished.clear()
    with opened(tmp_path, asked, names, resume=True) as store:
        assert store.done() == {0}
        assert runs.left(store.done()) == 32 + 2 * 96
        found = runs.run(progress=finished.append, store=store)
    assert sum(finished) == 32 + 2 * 96
    assert FILE_LAYOUT.json(found) == FILE_LAYOUT.json(indices)


def test_an_outcome_that_is_not_everywhere_defined_is_refused():
    """At this price of a vial the drug saves money at some points, and has no ICER there."""
    cheap = ask(MAIN, patients=60, overrides={"cost.blinatumomab.vial": 300.0})
    planned = sobol.design(*looked_at(cheap, outcome="icer"), grouped=True, draws=8)
    with pytest.raises(UserError, match=r"--outcome: is not defined at \d+ of"):
        sobol.sobol(planned, check=False).run()


def test_screening_finds_what_changes_nothing(question):
    """Two trajectories: an input without effect has effects of exactly 0.

    Nobody is treated in routine practice here, or for MRD only.
    """
    planned = screening.design(*looked_at(question), grouped=False, trajectories=2)
    found = screening.screen(planned).run()
    table = morris_table(found).set_index("input")
    assert (*table.reset_index().columns,) == MORRIS.names
    for name in ("candidacy.real_world_log_odds_ratio", "relapse.mrd_only_hazard_ratio"):
        assert table.at[name, "mu_star"] == table.at[name, "sigma"] == 0.0
    assert table["mu_star"].is_monotonic_decreasing
    assert table.at["cost.inpatient_day", "mu_star"] > 0.0


@pytest.mark.slow
def test_first_order_indices_of_the_model_add_up_and_hold_when_the_points_double():
    """1000 patients, 512 and 1024 points.

    The first-order indices add up to at most 1 within the error of their sum; no index of the
    larger design differs from that of the smaller by more than 0.05, nor does one in twice the
    patients.
    """
    target, space = looked_at(ask(MAIN, patients=1000))
    twice = replace(target, question=replace(target.question, patients=2000))
    small, large, more = (
        sobol.sobol(sobol.design(each, space, grouped=True, draws=draws), check=False).run()
        for each, draws in ((target, 512), (target, 1024), (twice, 512))
    )
    for found in (small, large, more):
        error = float(np.sqrt((found.table["first_order_ci"] ** 2).sum()))
        assert found.table["first_order"].sum() <= 1.0 + error
    for other in (large, more):
        for index in ("first_order", "total"):
            moved = (other.table[index] - small.table[index]).abs()
            assert moved.max() <= 0.05, index


# What fitted parameters explain, by topic.


def normal_draws(covariance, points):
    root = np.linalg.cholesky(np.asarray(covariance))
    return np.random.default_rng(4).standard_normal((points, len(root))) @ root.T


def effects(b, covariance, topics, points=200_000, noise=0.0, draws=None):
    """Return the Shapley effects of a linear function of normal inputs, times its variance."""
    x = normal_draws(covariance, points) if draws is None else draws
    rest = noise * np.random.default_rng(5).standard_normal(len(x))
    y = x @ np.asarray(b) + rest
    names = [f"x{i}" for i in range(len(b))]
    table = pd.DataFrame(np.asarray(covariance), index=names, columns=names)
    found = shapley_effects(y, pd.DataFrame(x, columns=names), table, topics, seed=1)
    return (found["share"] * y.var(ddof=1)).to_dict(), found


@pytest.fixture
def few_resamples(monkeypatch):
    monkeypatch.setattr("sim.analyses.sobol.analysis.SHAPLEY_RESAMPLES", 3)


@pytest.mark.usefixtures("few_resamples")
def test_linear_algebra_is_done_in_one_thread_however_many_there_are(monkeypatch):
    seen, inverse = set(), np.linalg.pinv

    def pinv(*given, **options):
        seen.update(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
        return inverse(*given, **options)

    monkeypatch.setattr(np.linalg, "pinv", pinv)
    with threadpool_limits(2, user_api="blas"):
        effects([1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]], ["one", "two"], points=100)
    assert seen == {1}


@pytest.mark.usefixtures("few_resamples")
def test_effects_of_two_correlated_inputs_have_their_closed_form():
    """Iooss and Prieur 2019: b1² s1² (1 - r²/2) + r b1 b2 s1 s2 + b2² s2² r²/2, and so for 2."""
    b1, b2, s1, s2, r = 2.0, -1.0, 1.0, 3.0, 0.6
    found, _ = effects([b1, b2], [[s1**2, r * s1 * s2], [r * s1 * s2, s2**2]], ["one", "two"])
    shared = r * b1 * b2 * s1 * s2
    one = (b1 * s1) ** 2 * (1.0 - r**2 / 2.0) + shared + (b2 * s2) ** 2 * r**2 / 2.0
    two = (b2 * s2) ** 2 * (1.0 - r**2 / 2.0) + shared + (b1 * s1) ** 2 * r**2 / 2.0
    assert found == pytest.approx({"one": one, "two": two}, abs=0.02)


@pytest.mark.usefixtures("few_resamples")
def test_effects_of_topics_are_averages_over_the_orders_of_learning():
    """Conditional variances of a normal vector by Schur complements, order by order."""
    root = np.array([[1.0, 0, 0, 0, 0], [0.5, 1, 0, 0, 0], [0, 0.7, 1, 0, 0], [0.3, 0, 0.4, 1, 0]])
    covariance = np.vstack([root, [0.0, 0.2, 0.1, 0.8, 1.0]])
    covariance = covariance @ covariance.T
    b = np.array([1.0, 2.0, -1.0, 0.5, 1.5])
    topics = ["red", "blue", "red", "green", "blue"]
    places = {name: [i for i, of in enumerate(topics) if of == name] for name in set(topics)}

    def left(known):
        """Return the variance of b'X that is left when some of X is known."""
        other = [i for i in range(5) if i not in known]
        inner, across = covariance[np.ix_(known, known)], covariance[np.ix_(other, known)]
        rest = covariance[np.ix_(other, other)] - across @ np.linalg.solve(inner, across.T)
        return b[other] @ rest @ b[other]

    wanted = dict.fromkeys(places, 0.0)
    for order in permutations(places):
        known = []
        for name in order:
            before = left(known)
            known = known + places[name]
            wanted[name] += (before - left(known)) / 6.0
    found, table = effects(b, covariance, topics)
    assert found == pytest.approx(wanted, rel=0.02)
    assert table["share"].sum() == pytest.approx(1.0, abs=1e-3)
    assert table["parameters"].to_dict() == {"red": 2, "blue": 2, "green": 1}


def test_effects_are_not_inflated_by_many_parameters_and_few_points():
    """Thirty parameters without effect in 100 points: without a correction they seem to explain 24 %."""
    x = normal_draws(np.eye(31), 100)
    topics = ["real"] + ["idle"] * 30
    _, table = effects([1.0] + [0.0] * 30, np.eye(31), topics, draws=x, noise=2.0)
    assert abs(table["share"]["idle"]) < 0.12
    assert table["share"]["real"] == pytest.approx(0.2, abs=table["share_ci"]["real"])


def test_too_few_points_give_no_effects():
    x = normal_draws(np.eye(4), 11)
    assert effects([1.0] * 4, np.eye(4), ["a", "a", "b", "b"], draws=x)[1].empty


@pytest.mark.slow
def test_topics_of_the_fitted_parameters_are_those_of_the_question(question):
    target, space = looked_at(question, posterior=fitted_draws(question))
    planned = sobol.design(target, space, grouped=True, draws=128)
    found = sobol.sobol(planned, check=False).run()
    (part,) = (part for part in space.parts if part.group == FITTED)
    fitted = list(part.values(np.array([[0.5]])))
    assert found.fitted["parameters"].sum() == len(fitted) > 30
    assert set(found.fitted.index) == {group_of(name) for name in fitted}
    content = json.loads(FILE_LAYOUT.json(found))
    assert [row["topic"] for row in content["fitted"]] == found.fitted.index.to_list()


def test_a_screening_goes_from_the_2_5_to_the_97_5_percent_quantile(monkeypatch):
    """Of a sum each effect is 0.95, the share of the cube that is gone through."""
    seen = []

    def summed(_design, points, answer):
        seen.append(points)
        return answer(points.sum(axis=1))

    monkeypatch.setattr(Design, "runs", summed)
    names = ["a", "b", "c"]
    points = screening.morris_points(names, None, trajectories=8, seed=1)
    found = screening.screen(design_of(names, points))
    assert (np.min(seen), np.max(seen)) == pytest.approx((0.025, 0.975))
    assert found.table["mu_star"].tolist() == pytest.approx([0.95] * 3)


@pytest.mark.parametrize("wanted", [0.2, 0.5])
def test_the_noise_share_is_that_of_noise_that_was_put_in(wanted):
    """A sum of two uniforms, variance 1/6, and independent noise of two halves of the patients.

    8,192 independent points: the standard error of the share is 0.01 or less, tolerance 0.03.
    """
    names, draws = ["a", "b"], 4096
    points = sobol_points(names, None, draws=draws, seed=3)
    random = np.random.default_rng(9)
    sd = np.sqrt(wanted / (1.0 - wanted) / 6.0)
    first, second = random.normal(0.0, sd, (2, len(points)))
    signal = points.sum(axis=1)
    planned = design_of(names, points)
    values, again = signal + first, signal + (first + second) / 2.0
    check = sobol._checked(planned, values, again, sobol._table(planned, values))
    assert check.noise_share == pytest.approx(wanted, abs=0.03)
