"""Discrete-event patient microsimulation of relapsed or refractory B-cell ALL."""

__version__ = "0.1.0"
