"""Checks that reviewers of health technology ask for, run on a scenario."""
