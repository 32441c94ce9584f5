"""The analysis `trial`: method, result, tables, text and figure."""
