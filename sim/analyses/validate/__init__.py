"""The analysis `validate`: what it computes, its result, tables, text and figure."""
