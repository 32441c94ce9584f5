"""Costs, utilities and cost-effectiveness."""
