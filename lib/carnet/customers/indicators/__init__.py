"""The indicators: how they move, cohorts, lifetimes, orders to come."""
