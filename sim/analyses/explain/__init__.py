"""The analysis `explain`: method, result, tables, text and figure."""
