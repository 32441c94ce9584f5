"""The analysis `psa`: method, result, tables, text and figure."""
