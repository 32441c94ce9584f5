"""The analysis `compare`: method, result, tables, text and figure."""
