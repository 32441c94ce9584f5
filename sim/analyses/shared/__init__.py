"""What several analyses share: ranges, draws, paired runs, chunks, result classes."""
