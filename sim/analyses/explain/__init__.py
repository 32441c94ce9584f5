"""The analysis `explain`: what it computes, its result, tables, text and figure."""
