"""The program from Python: a scenario, and a function for each question that may be put to it.

The functions do what the commands of their names do, and the commands call them: a result
written from a notebook is the same files, byte for byte. ``from sim import Scenario, run`` is how
they are imported.
"""
