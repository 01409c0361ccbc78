"""Frames with one row a customer, composed of measures."""
