"""From notebooks to a dated report: run, render, publish, compare."""
