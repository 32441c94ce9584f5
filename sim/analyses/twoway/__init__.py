"""The analysis `twoway`: what it computes, its result, tables, text and figure."""
