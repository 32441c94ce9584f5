"""The analysis `morris`: method, result, tables, text and figure."""
