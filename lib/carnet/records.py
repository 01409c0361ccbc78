"""What a notebook hands to whoever publishes it: figures and findings in its outputs, lists as CSV files."""

FIGURES_TYPE = "application/vnd.carnet.figures+json"
FINDINGS_TYPE = "application/vnd.carnet.findings+json"
LISTS_VARIABLE = "CARNET_LISTS"  # environment variable: the folder of the lists; unset, lists are only shown
FORMULA_START = r"^[=+\-@\t\r]"  # a cell that a spreadsheet would run
