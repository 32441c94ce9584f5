"""The core engine: the same story and rules, compiled."""
