"""The analysis `agreement`: payments, method, result, tables, text and figure."""
