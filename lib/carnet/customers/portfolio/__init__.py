"""The portfolio: who the customers are, how they move."""
