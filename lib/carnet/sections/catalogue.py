"""Every section of every notebook, read whole: `SECTIONS` holds their ids."""

import pkgutil
from importlib import import_module

from carnet import sections
from carnet.sections.section import SECTIONS

__all__ = ["SECTIONS"]

for found in pkgutil.iter_modules(sections.__path__, f"{sections.__name__}."):
    if found.name != __name__:
        import_module(found.name)
