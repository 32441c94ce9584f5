"""The version of the program, below every other module so that any of them can state it."""

__version__ = "0.1.0"
