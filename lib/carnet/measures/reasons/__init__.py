"""Why customers leave, and who says so."""
