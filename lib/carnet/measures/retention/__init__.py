"""What keeping customers is worth, with which budget, tested how."""
