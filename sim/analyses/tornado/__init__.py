"""The analysis `tornado`: method, result, tables, text and figure."""
