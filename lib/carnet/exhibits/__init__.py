"""The finished data of a result: its chart, its table, its list."""
