"""The analysis `threshold`: what it computes, its result, tables, text and figure."""
