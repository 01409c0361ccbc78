"""Indicators over time, cohorts, lifetimes, objectives."""
