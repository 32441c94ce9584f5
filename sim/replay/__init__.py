"""One patient again, draw by draw and cost by cost."""
