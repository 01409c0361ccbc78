"""The measures: one concept a file, pure functions from Ibis tables to Ibis tables,
each with a published definition.

`register` holds one record per figure and per table of the measures; charts, tables, index
and appendix read it.
"""
