"""The whole register: every module of measures is read, subject by subject, and what it declares is there."""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import walk_packages

from carnet import measures
from carnet.errors import CarnetError, nearest
from carnet.measures.register import FIGURES, MEASURES, Figure, Measure

__all__ = ["FIGURES", "MEASURES", "Figure", "Measure", "check_targets"]
SUBJECTS = ("portfolio", "gaps", "costs", "indicators", "reasons", "retention", "statistics")

for subject in SUBJECTS:
    package = import_module(f"{measures.__name__}.{subject}")
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)


def check_targets(names: Iterable[str]) -> None:
    """Raise CarnetError when an objective names a figure that no measure declares."""
    for name in names:
        if name not in FIGURES:
            raise CarnetError(f"targets: unknown measure '{name}'; {nearest(name, FIGURES)}")
