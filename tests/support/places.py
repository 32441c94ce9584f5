"""Folders that the tests read from."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
SUPPORT = TESTS / "support"
SCENARIOS = ROOT / "scenarios"
SMALLER = SUPPORT / "scenarios"
"""Scenarios of the same names as shipped ones, in fewer patients."""
