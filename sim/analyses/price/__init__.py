"""The analysis `price`: what it computes, its result, tables, text and figure."""
