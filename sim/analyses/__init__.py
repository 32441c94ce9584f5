"""A folder for each analysis, under the name of its command."""
