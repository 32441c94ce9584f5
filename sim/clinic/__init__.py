"""What happens to a patient: clinical rules as pure functions of numbers."""
