"""Tables and files of results; nothing is computed here."""
