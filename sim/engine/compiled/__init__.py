"""The core engine: the same pathway and rules, compiled."""
