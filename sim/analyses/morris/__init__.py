"""The analysis `morris`: what it computes, its result, tables, text and figure."""
