"""The user's questions: YAML files read into validated scenarios."""
