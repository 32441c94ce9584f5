"""The bars shown of a one-way analysis, and their titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sim.analyses.tornado.analysis import (
    COMPONENT,
    FITTED,
    PARAMETER,
    STRUCTURE,
    Bar,
    Tornado,
    order,
)

COMPONENTS_SHOWN: Final = 5


class Section(NamedTuple):
    """Bars that are shown together under a title; the first section has none."""

    title: str
    bars: tuple[Bar, ...]


def _unless_all_are_0(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    return () if all(bar.swing == 0.0 for bar in bars) else tuple(bars)


def shown_sections(result: Tornado, top: int) -> list[Section]:
    """Return the bars shown: the first `top` bars of parameters, then the other groups.

    Of principal components the widest `COMPONENTS_SHOWN`, of structural choices those that change
    anything. Of bars that are all exactly 0 none is the widest, and none is shown.
    """
    bars = [bar for bar in result.bars if bar.group in (PARAMETER, FITTED)]
    widest = sorted(bars, key=lambda bar: order(bar)[1:])[:top]
    together = [bar for bar in result.bars if bar.group == COMPONENT][:COMPONENTS_SHOWN]
    choices = [bar for bar in result.bars if bar.group == STRUCTURE and bar.swing != 0.0]
    sections = (
        Section("", _unless_all_are_0(widest)),
        Section("Components of the fit (share of its variance)", _unless_all_are_0(together)),
        Section("Structural choices", tuple(choices)),
    )
    return [section for section in sections if section.bars]
