"""The analysis `tornado`: what it computes, its result, tables, text and figure."""
