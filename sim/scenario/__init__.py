"""What the user asks: YAML files read into validated scenarios."""
