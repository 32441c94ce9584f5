"""Every output that the README shows is what its command prints, byte for byte."""

import re

import pytest
from click.testing import CliRunner

from sim.cli import commands
from tests.support.places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"<!-- output: (\S+) -->\n```text\n(.*?)```", README, flags=re.DOTALL))


def test_readme_shows_the_main_answer():
    assert "scenarios/first_salvage.yaml" in SHOWN


@pytest.mark.parametrize("scenario", sorted(SHOWN))
def test_output_in_the_readme_is_what_the_command_prints(scenario, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert SHOWN[scenario] == CliRunner().invoke(commands, ["run", scenario]).stdout


def test_headline_figures_are_those_of_the_output():
    """The first paragraph rounds what the output shows."""
    answer = SHOWN["scenarios/first_salvage.yaml"]
    qalys, qalys_error = re.findall(r"^QALYs +([\d.]+) \(([\d.]+)\)$", answer, flags=re.MULTILINE)[
        0
    ]
    cost, cost_error = re.findall(r"^Cost +\$([\d,]+) \(([\d,]+)\)$", answer, flags=re.MULTILINE)[0]
    icer = re.findall(r"^ICER, cost per QALY +\$([\d,]+)", answer, flags=re.MULTILINE)[0]

    def thousands(text):
        return f"${round(int(text.replace(',', '')), -3):,}"

    headline = README.split("## The answer so far")[1].split("##")[0].replace("\n", " ")
    assert f"gains {float(qalys):.2f} quality-adjusted" in headline
    assert f"standard error {qalys_error})" in headline
    assert thousands(cost) in headline
    assert f"${round(int(cost_error.replace(',', '')), -2):,}" in headline
    assert f"about {thousands(icer)} per QALY" in headline
