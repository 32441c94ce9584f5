"""The analysis `psa`: what it computes, its result, tables, text and figure."""
