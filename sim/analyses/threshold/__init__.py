"""The analysis `threshold`: method, result, tables, text and figure."""
