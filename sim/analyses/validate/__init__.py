"""The analysis `validate`: method, result, tables, text and figure."""
