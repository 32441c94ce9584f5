"""The analysis `voi`: what it computes, its result, tables, text and figure."""
