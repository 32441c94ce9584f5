"""The analysis `price`: method, result, tables, text and figure."""
