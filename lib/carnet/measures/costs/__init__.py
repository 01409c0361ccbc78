"""What it costs and what customers bring."""
