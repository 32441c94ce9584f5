"""What it costs and what it is worth."""
