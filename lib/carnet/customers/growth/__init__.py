"""What customers buy, and what each could buy next."""
