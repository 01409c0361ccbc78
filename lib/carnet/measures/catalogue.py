"""The whole register: every module of measures is read, subject by subject,
and what it declares is there.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import walk_packages

from carnet import measures
from carnet.errors import CarnetError, nearest
from carnet.measures import register
from carnet.measures.register import Figure, Measure

__all__ = ["FIGURES", "MEASURES", "Figure", "Measure", "check_targets"]
SUBJECTS = (
    "portfolio",
    "gaps",
    "costs",
    "indicators",
    "reasons",
    "retention",
    "growth",
    "statistics",
)


def _modules() -> Iterator[str]:
    """Every module of measures, subject by subject; read, so that what it declares
    is registered.
    """
    for subject in SUBJECTS:
        package = import_module(f"{measures.__name__}.{subject}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
            yield module.name


# in this order, whichever module was imported first
MEASURES: dict[str, Measure] = {
    name: declared
    for module in list(_modules())
    for name, declared in register.MEASURES.items()
    if declared.module == module
}
FIGURES: dict[str, Figure] = {
    name: register.FIGURES[name] for declared in MEASURES.values() for name in declared.figures
}


def check_targets(names: Iterable[str]) -> None:
    """Raise CarnetError when an objective names a figure that no measure declares."""
    for name in names:
        if name not in FIGURES:
            raise CarnetError(
                "targets: unknown measure '{name}'; {nearest}",
                name=name,
                nearest=nearest(name, FIGURES),
            )
