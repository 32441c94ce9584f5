"""The clinical rules, as pure functions of numbers."""
