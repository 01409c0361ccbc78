"""carnet: the customer-portfolio audit workbook.

Reads bottom to top: errors, wording → engagement → intake, measures → book, findings → customers,
exhibits → sections → report → cli. Imports run one way, in that order.
"""

__version__ = "0.1.0"
