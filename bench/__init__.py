"""Benchmarks; run ``python -m bench`` for the table of the README."""
