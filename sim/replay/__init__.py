"""A replay of one patient, draw by draw and cost by cost."""
