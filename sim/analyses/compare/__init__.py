"""The analysis `compare`: what it computes, its result, tables, text and figure."""
