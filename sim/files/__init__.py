"""Files: documents read with line numbers, results written whole or not at all, the cache, provenance."""
