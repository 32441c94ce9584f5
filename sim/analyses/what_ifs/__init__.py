"""The analysis `what_ifs`: what it computes, its result, tables, text and figure."""
