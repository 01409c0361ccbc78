"""All tables of customers that declare their columns: every module of customers is read,
and what it declares is there.
"""

from importlib import import_module
from pkgutil import walk_packages

from carnet import customers
from carnet.measures.register import COLUMNS, COMPOSED

__all__ = ["COLUMNS", "COMPOSED"]

for _module in walk_packages(customers.__path__, f"{customers.__name__}."):
    import_module(_module.name)
