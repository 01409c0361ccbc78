"""carnet: the customer-portfolio audit workbook.

Reads bottom to top: errors, wording → engagement → intake, measures → book, findings → customers,
exhibits → sections → report → cli. Imports run one way, in that order.
"""

import gc
import os

# before NumPy is loaded: its matrices are small here, and of OpenBLAS's threads all but one would
# spin and wait; the last digits of sums would hang on how many cores a machine has, too
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# nearly nothing of what modules make is garbage: it is looked for in the newest 20,000 objects, and
# in what those left after a million
gc.set_threshold(20_000, 50)

__version__ = "0.1.0"
