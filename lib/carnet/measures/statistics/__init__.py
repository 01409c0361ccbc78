"""Intervals that several measures use."""
