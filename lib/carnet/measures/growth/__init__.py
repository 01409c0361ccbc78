"""What customers buy, what they could buy next, and what is due again."""
