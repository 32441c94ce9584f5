"""The published evidence: endpoints to which the model is fitted and by which it is judged."""
