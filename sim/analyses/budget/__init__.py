"""The analysis `budget`: method, result, tables, text and figure."""
