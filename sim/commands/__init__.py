"""The commands: derived from functions, and those that are no analysis."""
