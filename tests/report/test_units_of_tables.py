"""Every table that commands write says what its numbers are in, row by row where they differ."""

import pytest

from sim.analyses.agreement import analysis as agreement
from sim.analyses.capacity.analysis import TABLE as CAPACITY
from sim.analyses.compare import result as comparison_files
from sim.analyses.compare.result import comparison_tables
from sim.analyses.explain import result as explain_files
from sim.analyses.morris.result import TABLE as MORRIS
from sim.analyses.price import result as price
from sim.analyses.psa.acceptability import CURVES
from sim.analyses.threshold import result as threshold
from sim.analyses.tornado.result import TABLE as TORNADO
from sim.analyses.trial.analysis import TABLE as TRIAL
from sim.analyses.twoway import result as two_way
from sim.analyses.validate.result import TABLE as VALIDATION
from sim.analyses.voi import result as voi
from sim.analyses.what_if.analysis import scenario_matrix
from sim.analyses.what_if.result import TABLE as WHAT_IFS
from sim.economics.ledger import Account
from sim.layout import run_columns
from sim.layout.run_tables import run_tables
from sim.simulation.comparison import account_unit, compare, outcome_unit
from sim.simulation.run import run
from sim.simulation.summary import summarise

DOCUMENTED = {
    **{
        each.file: each.names
        for each in (
            *run_columns.TABLES.values(),
            price.TABLE,
            price.CURVE_TABLE,
            agreement.DEALS,
            agreement.RISKS,
            agreement.BREAK_EVENS,
            agreement.DRAWS,
            agreement.LEDGER,
            voi.TABLE,
            TRIAL,
            voi.CURVE_TABLE,
            CURVES,
            TORNADO,
            two_way.TABLE,
            threshold.TABLE,
            MORRIS,
            WHAT_IFS,
            CAPACITY,
            VALIDATION,
        )
    },
    **comparison_files.COLUMNS,
    **explain_files.COLUMNS,
}
GENERIC = {
    "mean",
    "value",
    "undiscounted",
    "discounted",
    "cost",
    "icer",
    "nmb",
    "threshold",
    "price_per_vial",
    "paid",
    "price",
    "outcome_low",
    "mu_star",
}
"""Columns whose name does not say what they are in."""
SAYS = ("unit", "currency", "outcome_unit")
# A value of explain_draws.csv is in days for times and in years for ages: see its documentation.
WITHOUT = {"explain_draws.csv"}


@pytest.mark.parametrize("name", sorted(set(DOCUMENTED) - WITHOUT))
def test_a_table_of_amounts_has_a_column_for_their_unit(name):
    columns = DOCUMENTED[name]
    if GENERIC & set(columns):
        assert any(each in columns for each in SAYS), name


@pytest.mark.parametrize(
    ("outcome", "unit"),
    [
        ("cost.drug", "GBP"),
        ("cost_undiscounted", "GBP"),
        ("nmb_at_20000", "GBP"),
        ("icer", "GBP per QALY"),
        ("qalys_undiscounted.on_treatment", "QALYs"),
        ("life_years", "years"),
        ("os_12_months_percent", "%"),
        ("os_median_months", "months"),
        ("cycles_median", "cycles"),
    ],
)
def test_unit_of_an_outcome_follows_from_its_name(outcome, unit):
    assert outcome_unit(outcome, "GBP") == unit


def test_difference_of_shares_is_in_percentage_points():
    assert outcome_unit("response_percent", "USD", is_difference=True) == "percentage points"


@pytest.mark.parametrize(
    ("name", "currency"), [("first_salvage", "USD"), ("nhs_first_salvage", "GBP")]
)
def test_tables_of_a_run_are_in_the_money_of_its_perspective(ask, name, currency):
    simulation = run(ask(name, patients=20))
    tables = run_tables(simulation, summarise(simulation))
    for table in ("strategies.csv", "increments.csv"):
        rows = tables[table]
        money = rows["outcome"].str.startswith(("cost", "nmb"))
        assert set(rows.loc[money, "unit"]) == {currency}
        assert set(rows.loc[~money, "unit"]) <= {
            "QALYs",
            "years",
            "%",
            "months",
            "cycles",
            f"{currency} per QALY",
        }
        assert rows["unit"].notna().all()
    ledger = tables["ledger.csv"]
    assert set(zip(ledger["account"], ledger["unit"], strict=True)) == {
        (account.value, account_unit(account, currency)) for account in Account
    }
    assert account_unit(Account.COST, currency) == currency


@pytest.fixture(scope="module")
def two_payers(ask):
    """The main question for a payer of the United States and for the NHS; n = 20."""
    questions = [ask(name, patients=20) for name in ("first_salvage", "nhs_first_salvage")]
    return comparison_tables(compare(questions, names=["america", "england"]))


def test_rows_of_two_payers_in_one_table_have_their_own_money(two_payers):
    money = {"america": "USD", "england": "GBP"}
    outcomes = two_payers["comparison.csv"]
    for scenario, currency in money.items():
        rows = outcomes[outcomes["scenario"] == scenario]
        costs = rows["outcome"].str.startswith(("cost", "nmb"))
        assert set(rows.loc[costs, "unit"]) == {currency}
        assert set(rows.loc[rows["outcome"] == "icer", "unit"]) == {f"{currency} per QALY"}
    for table in ("frontier.csv", "net_benefit.csv"):
        rows = two_payers[table]
        assert dict(zip(rows["analysis"], rows["currency"], strict=True)) == money
    changes = two_payers["changes.csv"]
    thresholds = changes[changes["name"] == "thresholds"]
    assert dict(zip(thresholds["scenario"], thresholds["unit"], strict=True)) == {
        "america": "USD per QALY",
        "england": "GBP per QALY",
    }
    prices = changes[changes["name"] == "cost.blinatumomab.vial"]
    assert dict(zip(prices["scenario"], prices["unit"], strict=True)) == money
    assert two_payers["differences.csv"]["unit"].notna().all()


def test_what_if_of_another_payer_is_in_its_money(ask):
    what_ifs = {
        "half_the_horizon": {"horizon_years": 10},
        "england": {"perspective": "nhs_england"},
    }
    question = ask("later_salvage", patients=20, what_ifs=what_ifs)
    table = scenario_matrix(question).run(threads=1).table
    found = dict(zip(table["what_if"], table["currency"], strict=True))
    assert found["base"] == found["half_the_horizon"] == "USD"
    assert found["england"] == "GBP"
