"""The analysis `evaluations`: method, result, tables and text."""
