"""carnet: the customer-portfolio audit workbook.

Reads top to bottom: wording · schema · engagement → sources → contracts → ledger → book → measures
→ series → findings → charts, tables → notebook → publish → cli. Imports run one way, in that order.
"""

__version__ = "0.1.0"
