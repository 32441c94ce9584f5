"""The analysis `severity`: method, result, tables, text and figure."""
