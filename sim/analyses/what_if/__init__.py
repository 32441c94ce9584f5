"""The analysis `what_ifs`: method, result, tables, text and figure."""
