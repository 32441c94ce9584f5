"""The analysis `voi`: method, result, tables, text and figure."""
