"""Lives with a fault in them, and the checks of a group by the name of their function."""

from dataclasses import replace

from sim.economics.ledger import Category
from sim.simulation.tally import CATEGORIES, ROW


def examined(group, name, subject):
    """Return what the check of this name finds."""
    return {check.name: check for check in group}[name].examine(subject)


def names_of(group):
    return {check.name for check in group}


def with_outcome(lives, name, change, of=slice(None)):
    """Return the lives with an outcome changed, of some patients or of some strategies."""
    rows = lives.rows.copy()
    column = rows[:, :, ROW.index(name)]
    column[of] = change(column[of])
    return replace(lives, rows=rows)


def with_amount(lives, category, change, of=slice(None)):
    """Return the lives with the amounts of a category changed, undiscounted and discounted."""
    amounts = lives.amounts.copy()
    column = amounts[:, :, :, CATEGORIES.index(category)]
    column[of] = change(column[of])
    return replace(lives, amounts=amounts)


def with_one_cent_more(lives):
    """Return the lives with one patient's drug a cent dearer."""
    return with_amount(lives, Category.DRUG, lambda cost: cost + 0.01, of=0)


def with_counts(lives, **changes):
    """Return the lives with other counts in their tally."""
    counts = lives.tally.counts._replace(**changes)
    return replace(lives, tally=replace(lives.tally, counts=counts))


def with_sums(lives, **changes):
    """Return the lives with other sums in their tally."""
    sums = lives.tally.sums._replace(**changes)
    return replace(lives, tally=replace(lives.tally, sums=sums))
