"""Who moves the patients: keyed random numbers and the engines."""
