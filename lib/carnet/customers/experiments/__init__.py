"""Experiments: one strategy at a time, drawn, written down, read against those left alone."""
