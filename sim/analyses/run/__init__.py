"""The analysis `run`: method, result, tables, text and figure."""
