"""Databases of known systems in small: tables and columns by their public definitions
(see `sources` in profiles/systems), rows with known sums.

Each module holds SCHEMA (a line a table: name, then column type, …), ROWS (table → rows) and what
must come out, worked out by hand.
"""
