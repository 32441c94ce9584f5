"""From a scenario to its answer: bind the numbers, simulate, account, estimate."""
