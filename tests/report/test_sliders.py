"""The sliders of the report: other prices, as `run` gives them in the same patients."""

from __future__ import annotations

import json

import pytest

from sim import Scenario, price, run, tornado
from sim.report.page import page
from sim.report.prices import sliders
from sim.report.results import read_analyses, read_results

PATIENTS = 600
DRAWS = 60
VIAL = "cost.blinatumomab.vial"
DAY = "cost.inpatient_day"


@pytest.fixture(scope="module")
def scenario():
    return Scenario.load("first_salvage").with_(patients=PATIENTS)


@pytest.fixture(scope="module")
def found(scenario, tmp_path_factory):
    """The results and the analyses of a folder with run, price and tornado."""
    folder = tmp_path_factory.mktemp("results")
    run(scenario, out=folder)
    price(scenario, "blinatumomab", draws=DRAWS, patients=200, out=folder)
    tornado(scenario, out=folder)
    results = read_results(folder, scenario.question)
    return results, read_analyses(results)


@pytest.fixture(scope="module")
def numbers(found):
    return json.loads(str(sliders(*found)["data"]))


def gains(scenario, **parameters):
    changed = scenario.with_(parameters=parameters)
    return run(changed).increments.set_index("outcome")


def on_the_line(line, key, at):
    return line[key][0] + at / line["price"][1] * (line[key][1] - line[key][0])


@pytest.mark.parametrize("at", [0.0, 1347.0, 5169.0, 9000.0])
def test_cost_at_any_price_is_that_of_run_in_the_same_patients(scenario, numbers, at):
    (line,) = numbers["strategies"]
    told = gains(scenario, **{VIAL: at})
    assert on_the_line(line, "cost", at) == pytest.approx(told["mean"]["cost"], rel=1e-9)
    assert line["qalys"] == pytest.approx(told["mean"]["qalys"], rel=1e-12)
    t = at / line["price"][1]
    none, one, two = (each**2 for each in line["cost_se"])
    square = (1 - t) * (2 - t) / 2 * none + t * (2 - t) * one + t * (t - 1) / 2 * two
    assert square**0.5 == pytest.approx(told["se"]["cost"], rel=1e-6)


def test_error_of_net_benefit_follows_from_the_line_at_any_price(scenario, numbers):
    (line,) = numbers["strategies"]
    at, threshold = 2000.0, 100_000.0
    told = gains(scenario, **{VIAL: at})
    covariance = on_the_line(line, "covariance", at)
    variance = (
        (threshold * line["qalys_se"]) ** 2 + told["se"]["cost"] ** 2 - 2 * threshold * covariance
    )
    assert variance**0.5 == pytest.approx(told["se"]["nmb_at_100000"], rel=1e-6)


def test_a_unit_cost_moves_the_cost_as_in_run(scenario, found):
    slopes = {each.label: each for each in sliders(*found)["slopes"]}
    day = slopes["Inpatient day, leukaemia or transplant"]
    moved = gains(scenario, **{DAY: 2 * day.base})["mean"]["cost"]
    assert moved - gains(scenario)["mean"]["cost"] == pytest.approx(
        day.per_unit * day.base, rel=1e-6
    )


def test_only_unit_costs_have_sliders_beside_price_and_threshold(scenario, found):
    labels = {each.label for each in sliders(*found)["slopes"]}
    money = {
        each.label for each in scenario.question.parameters.values() if each.currency is not None
    }
    assert labels
    assert labels <= money
    assert "Blinatumomab, vial" not in labels


def test_without_the_price_analysis_there_are_no_sliders(scenario, tmp_path):
    run(scenario, out=tmp_path)
    results = read_results(tmp_path, scenario.question)
    assert 'id="slider-panel"' not in page(results, read_analyses(results))


@pytest.mark.slow
def test_browser_shows_the_numbers_of_run(scenario, found, browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page(*found), encoding="utf-8")
    told = gains(scenario, **{VIAL: 2000.0})
    said = []
    with browser.new_page() as opened:
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.goto(path.as_uri())
        opened.fill("#slider-price + input", "2000")
        opened.fill("#slider-threshold + input", "150000")
        shown = {
            name: opened.inner_text(f"#slider-{name}")
            for name in ("cost", "qalys", "ratio", "benefit")
        }
        opened.click("#slider-reset")
        base = opened.inner_text("#slider-cost")
    mean, se = told["mean"], told["se"]
    assert said == []
    assert shown["cost"] == f"${mean['cost']:,.0f} ({se['cost']:,.0f})"
    assert shown["qalys"] == f"{mean['qalys']:.3f} ({se['qalys']:.3f})"
    assert shown["ratio"] == f"${mean['icer']:,.0f} ({se['icer']:,.0f})"
    benefit = f"{mean['nmb_at_150000']:,.0f}".replace("-", "")
    assert benefit in shown["benefit"]
    assert f"({se['nmb_at_150000']:,.0f})" in shown["benefit"]
    assert base == f"${gains(scenario)['mean']['cost']:,.0f} ({gains(scenario)['se']['cost']:,.0f})"
