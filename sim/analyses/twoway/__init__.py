"""The analysis `twoway`: method, result, tables, text and figure."""
