"""One test of a claim about many entries, which names every entry that breaks it.

`pytest.mark.parametrize` makes a test of each entry. Where a claim is one comparison and there are
hundreds of entries, pytest's own work takes longer than all comparisons.
"""

from __future__ import annotations

import inspect

import pytest


def for_each(cases):
    """Return a decorator that makes one test of a claim about each of some cases.

    `cases` gives by the name of a case the arguments of the claim, by their names; what else the
    claim takes are fixtures. The test fails with the name and the message of every case for which
    the claim raises anything.
    """
    assert cases, "no case to test"
    given = set().union(*cases.values())

    def decorate(claim):
        def test(**fixtures):
            broken = []
            for name, arguments in cases.items():
                try:
                    claim(**fixtures, **arguments)
                except Exception as error:  # noqa: BLE001 - the other cases are tested all the same
                    broken.append(f"{name}: {type(error).__name__}: {error}")
            if broken:
                pytest.fail(f"{len(broken)} of {len(cases)} cases\n" + "\n".join(broken))

        takes = inspect.signature(claim).parameters
        fixtures = [parameter for name, parameter in takes.items() if name not in given]
        test.__signature__ = inspect.Signature(
            [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in fixtures]
        )
        for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
            setattr(test, attribute, getattr(claim, attribute))
        return test

    return decorate
