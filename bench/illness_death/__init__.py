"""A small illness-death model in independent implementations: speed and means side by side."""
