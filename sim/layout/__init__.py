"""The layout of results: tables, numbers and money in words, the style of figures."""
