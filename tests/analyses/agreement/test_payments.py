"""Payments of patients computed by hand, one for each kind of term, and what no term may do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.analyses.agreement.payment import WHAT, Courses, Purchases, payments
from sim.economics.discounting import Discounting
from sim.scenario.agreement import Agreement

NEVER = math.inf
MONTH = 30.4375
RATE = 0.03
FIELDS = ("start", "response", "no_response", "relapse", "death", "end")


def worth(days):
    """The present value of 1, with `math` alone."""
    return 1.03 ** (-days / 365.25)


def bought(*rows):
    """Purchases of (patient, cycle, day, amount)."""
    patient, cycle, days, amount = (np.array(column) for column in zip(*rows, strict=True))
    present = np.array([a * worth(t) for a, t in zip(amount, days, strict=True)])
    return Purchases(patient, cycle, days.astype(float), amount.astype(float), present)


def courses(*lives):
    """Lives that begin on day 0 and end on day 4000 unless said otherwise."""
    usual = {"start": 0.0, "end": 4000.0} | dict.fromkeys(FIELDS[1:5], NEVER)
    columns = np.array([[{**usual, **life}[name] for name in FIELDS] for life in lives])
    return Courses(columns.T, Discounting(RATE))


# A patient with five purchases in three cycles, 1,000 in all.
FIVE = bought((0, 0, 0, 100), (0, 0, 7, 100), (0, 1, 42, 200), (0, 1, 49, 200), (0, 2, 84, 400))
RESPONDER = {"response": 42.0, "relapse": 300.0, "death": 500.0, "end": 500.0}
LIST = sum(a * worth(t) for a, t in ((100, 0), (100, 7), (200, 42), (200, 49), (400, 84)))


def paid(terms, life=RESPONDER, purchases=FIVE):
    found = payments(Agreement(**terms), purchases, courses(life))
    plain, present = found.totals(1)
    return float(plain[0]), float(present[0])


def assert_paid(found, *rows):
    """Rows of (amount, day), the expected payments with their dates."""
    assert found[0] == pytest.approx(sum(amount for amount, _ in rows), rel=1e-12, abs=1e-12)
    assert found[1] == pytest.approx(sum(a * worth(t) for a, t in rows), rel=1e-12, abs=1e-12)


def test_without_an_agreement_every_purchase_is_paid_at_once():
    plain, present = payments(None, FIVE, courses(RESPONDER)).totals(1)
    assert (plain[0], present[0]) == (1000.0, pytest.approx(LIST, rel=1e-14))


def test_a_discount_is_off_every_purchase():
    assert_paid(paid({"discount_percent": 25}), (75, 0), (75, 7), (150, 42), (150, 49), (300, 84))


def test_cycles_beyond_the_cap_are_free():
    assert_paid(paid({"cap_cycles": 2}), (100, 0), (100, 7), (200, 42), (200, 49))
    assert paid({"cap_cycles": 0}) == (0.0, 0.0)


def test_the_drug_is_free_once_the_cap_on_spend_is_reached():
    assert_paid(paid({"cap_spend": 350}), (100, 0), (100, 7), (150, 42))


def test_a_cap_on_spend_counts_what_is_paid_after_the_discount():
    """Half of 100, 100 and 200 is 200, so that 50 of the last cap of 250 are left for day 49."""
    found = paid({"discount_percent": 50, "cap_spend": 250})
    assert_paid(found, (50, 0), (50, 7), (100, 42), (50, 49))


def test_later_instalments_are_paid_in_remission_only():
    """In two parts, 3 months (91.3 days) apart; remission from day 42 to the relapse on day 130.

    Purchases of days 0 and 7 fall due on days 91.3 and 98.3, those of days 42 and 49 on days 133.3
    and 140.3, after the relapse.
    """
    later = 3 * MONTH
    life = {**RESPONDER, "relapse": 130.0}
    found = paid({"instalments": {"number": 2, "every_months": 3}}, life)
    first = [(50, 0), (50, 7), (100, 42), (100, 49), (200, 84)]
    assert_paid(found, *first, (50, later), (50, 7 + later))
    alive = paid(
        {"instalments": {"number": 2, "every_months": 3, "condition": "alive"}},
        {**life, "death": 160.0, "end": 160.0},
    )
    more = [(50, later), (50, 7 + later), (100, 42 + later), (100, 49 + later)]
    assert_paid(alive, *first, *more)


def test_no_instalment_is_paid_to_one_who_never_responds_nor_beyond_the_horizon():
    terms = {"instalments": {"number": 4, "every_months": 1}}
    quarter = [(25, 0), (25, 7), (50, 42), (50, 49), (100, 84)]
    assert_paid(paid(terms, {"death": 400.0, "end": 400.0}), *quarter)
    ends = paid(terms, {"response": 0.0, "end": 84.0})
    rest = [(25, MONTH), (25, 2 * MONTH), (25, 7 + MONTH), (25, 7 + 2 * MONTH), (50, 42 + MONTH)]
    assert_paid(ends, *quarter, *rest, (50, 49 + MONTH))


def test_without_response_the_money_comes_back_at_the_assessment():
    life = {"no_response": 77.0, "death": 200.0, "end": 200.0}
    four = bought(*[(0, 0, day, 150) for day in (0, 7, 42, 49)])
    found = paid({"refund": {"after": ["no_response"], "percent": 80}}, life, four)
    assert_paid(found, (150, 0), (150, 7), (150, 42), (150, 49), (-480, 77))


def test_a_responder_brings_no_money_back():
    assert paid({"refund": {"after": ["no_response"]}})[0] == 1000.0


def test_money_back_for_an_early_event_is_for_the_first_of_them_and_before_the_month():
    """Relapse on day 300 and death on day 500; the line began on day 10."""
    life = {**RESPONDER, "start": 10.0}
    rows = [(100, 0), (100, 7), (200, 42), (200, 49), (400, 84)]
    both = {"after": ["relapse", "death"], "percent": 50}
    assert_paid(paid({"refund": both}, life), *rows, (-500, 300))
    assert_paid(paid({"refund": {**both, "after": ["death"]}}, life), *rows, (-500, 500))
    # 290 days are 9.53 months.
    assert_paid(paid({"refund": {**both, "before_month": 9.5}}, life), *rows)
    assert_paid(paid({"refund": {**both, "before_month": 9.6}}, life), *rows, (-500, 300))


def test_only_what_was_paid_by_then_comes_back():
    """A relapse on day 45 is before the last two purchases, of which nothing comes back."""
    life = {**RESPONDER, "relapse": 45.0}
    found = paid({"refund": {"after": ["relapse"]}}, life)
    rows = [(100, 0), (100, 7), (200, 42), (200, 49), (400, 84)]
    assert_paid(found, *rows, (-400, 45))


def test_a_budget_is_shared_by_what_each_patient_of_the_group_cost():
    """Groups of two: 600 of 900 leave two thirds to pay; the second is within the budget."""
    four = bought((0, 0, 0, 600), (1, 0, 10, 300), (2, 0, 0, 250), (3, 0, 0, 350), (4, 0, 0, 500))
    lives = courses(*[{}] * 5)
    terms = Agreement(budget_cap={"amount": 600, "patients": 2})
    plain, present = payments(terms, four, lives).totals(5)
    # The last is half of a group, with half of the budget.
    assert plain.tolist() == pytest.approx([400, 200, 250, 350, 300], rel=1e-14)
    assert present[1] == pytest.approx(200 * worth(10), rel=1e-14)


def test_terms_apply_in_their_order():
    """30 % off, 500 at most, all of it back at the relapse."""
    terms = {
        "discount_percent": 30,
        "cap_spend": 500,
        "refund": {"after": ["relapse"], "percent": 100},
    }
    rows = [(70, 0), (70, 7), (140, 42), (140, 49), (80, 84), (-500, 300)]
    assert_paid(paid(terms), *rows)


# What no term may do, in any patients

AMOUNTS = st.floats(0.0, 1e6)
PATIENTS = 4


@st.composite
def lives(draw):
    rows = sorted(
        draw(
            st.lists(
                st.tuples(st.integers(0, PATIENTS - 1), st.floats(0, 900), AMOUNTS), min_size=1
            )
        ),
        key=lambda row: row[:2],
    )
    purchases = bought(*[(who, int(day // 42), day, amount) for who, day, amount in rows])
    found = []
    for _ in range(PATIENTS):
        response, relapse = sorted(draw(st.tuples(st.floats(0, 900), st.floats(0, 2000))))
        responds = draw(st.booleans())
        found.append(
            {
                "response": response if responds else NEVER,
                "no_response": NEVER if responds else response,
                "relapse": relapse if responds else NEVER,
                "death": draw(st.sampled_from([NEVER, 2500.0])),
            }
        )
    return purchases, courses(*found)


CAPS = st.one_of(
    st.builds(lambda n: {"cap_cycles": n}, st.integers(0, 30)),
    st.builds(lambda most: {"cap_spend": most}, AMOUNTS),
    st.builds(
        lambda most, n: {"budget_cap": {"amount": most, "patients": n}}, AMOUNTS, st.integers(1, 4)
    ),
    st.builds(lambda percent: {"discount_percent": percent}, st.floats(0, 100)),
)


@given(lives(), CAPS)
def test_a_cap_never_raises_what_anyone_pays(life, terms):
    purchases, known = life
    listed = payments(None, purchases, known).totals(PATIENTS)
    found = payments(Agreement(**terms), purchases, known).totals(PATIENTS)
    for ours, theirs in zip(found, listed, strict=True):
        assert (ours <= theirs).all()
        assert (ours >= 0.0).all()


NOTHING = (
    {"discount_percent": 0},
    {"cap_cycles": 64},
    {"cap_spend": 1e12},
    {"budget_cap": {"amount": 1e12, "patients": 1}},
    {"instalments": {"number": 1, "every_months": 1}},
    {"refund": {"after": ["no_response", "relapse", "death"], "percent": 0}},
)


@given(lives())
def test_terms_of_nothing_change_nothing_to_the_last_bit(life):
    purchases, known = life
    listed = payments(None, purchases, known).totals(PATIENTS)
    for terms in NOTHING:
        found = payments(Agreement(**terms), purchases, known).totals(PATIENTS)
        assert np.array_equal(found, listed), terms


@given(lives())
def test_all_off_leaves_nothing_to_pay(life):
    purchases, known = life
    for terms in ({"discount_percent": 100}, {"cap_cycles": 0}, {"cap_spend": 0}):
        assert not np.any(payments(Agreement(**terms), purchases, known).totals(PATIENTS)), terms


@given(lives())
def test_without_discounting_all_money_back_leaves_what_was_paid_after_the_event(life):
    purchases, known = life
    undiscounted = Courses(np.array([getattr(known, name) for name in FIELDS]), Discounting(0.0))
    flat = purchases._replace(present=purchases.amount)
    terms = Agreement(refund={"after": ["no_response", "relapse"]})
    found = payments(terms, flat, undiscounted)
    event = np.minimum(known.no_response, known.relapse)
    later = purchases.days > event[purchases.patient]
    left = np.bincount(purchases.patient, purchases.amount * later, PATIENTS)
    never = event == NEVER
    whole = np.bincount(purchases.patient, purchases.amount, PATIENTS)
    for sums in found.totals(PATIENTS):
        assert sums == pytest.approx(np.where(never, whole, left), rel=1e-9, abs=1e-6)


@given(lives(), st.floats(0, 100), st.integers(1, 6))
def test_single_payments_add_up_to_the_totals(life, percent, parts):
    purchases, known = life
    terms = Agreement(
        instalments={"number": parts, "every_months": 2, "condition": "alive"},
        refund={"after": ["relapse"], "percent": percent},
    )
    found = payments(terms, purchases, known)
    for column, sums in zip((found.amount, found.present), found.totals(PATIENTS), strict=True):
        for patient in range(PATIENTS):
            one = math.fsum(column[found.patient == patient].tolist())
            assert sums[patient] == pytest.approx(one, rel=1e-9, abs=1e-6)
    assert set(np.unique(found.what)) <= set(range(len(WHAT)))
    back = found.what == WHAT.index("money back")
    assert (found.amount[back] <= 0.0).all()
    assert (found.amount[~back] >= 0.0).all()
