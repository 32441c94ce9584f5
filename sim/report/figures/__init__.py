"""Figures for print, one kind a module; each is drawn from result tables and computes nothing."""
