"""The analysis `capacity`: method, result, tables, text and figure."""
