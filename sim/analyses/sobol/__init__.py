"""The analysis `sobol`: what it computes, its result, tables, text and figure."""
