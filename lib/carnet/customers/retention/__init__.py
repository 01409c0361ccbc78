"""What keeping customers is worth: margins of leavers, newcomers, effects, budgets."""
