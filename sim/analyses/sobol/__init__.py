"""The analysis `sobol`: method, result, tables, text and figure."""
