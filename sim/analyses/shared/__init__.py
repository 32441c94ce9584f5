"""Common parts of the analyses: ranges, draws, paired runs, chunks, result classes."""
