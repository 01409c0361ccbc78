"""The gap list: who buys less, what is done about it, and what became of the last list."""
