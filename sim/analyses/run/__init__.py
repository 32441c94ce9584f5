"""The analysis `run`: what it computes, its result, tables, text and figure."""
