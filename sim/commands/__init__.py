"""The commands, one module each, imported on use."""
