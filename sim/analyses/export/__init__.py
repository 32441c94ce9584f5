"""The export of `export`: draws and results in the files that other programs read."""
