"""The clinical rules, as pure functions of numbers.

When each rule is used, event by event, is in `sim.engine.patient_pathway`.
"""
