"""The live explorer: a page in the browser whose controls move the inputs of a scenario."""
