"""What cohorts published: the register of endpoints that the model is fitted to and judged by."""
