"""The report of a scenario: one HTML file made from the files of results."""
