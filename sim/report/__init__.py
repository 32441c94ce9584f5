"""The report: a page of results, analyses and their provenance."""
