"""The program from Python: a scenario, and a function for each analysis of it.

The commands call the functions of the same names: a result written from a notebook is the same
files, byte for byte. They are imported by ``from sim import Scenario, run``.
"""
