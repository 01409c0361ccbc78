"""Measures → findings, by subject: `findings.portfolio`,
`findings.costs`, `findings.indicators`.
"""

from carnet.findings.base import Finding, list_names, ranked, write_figure, write_pace
from carnet.findings.portfolio import (
    arrivals,
    contact_exposure,
    dependence,
    growing_customers,
    lost_customers,
    not_due,
    recommendations,
    retention,
    revenue_change,
    salesperson_exposure,
    shrinking_customers,
)

__all__ = [
    "Finding",
    "arrivals",
    "contact_exposure",
    "dependence",
    "growing_customers",
    "list_names",
    "lost_customers",
    "not_due",
    "ranked",
    "recommendations",
    "retention",
    "revenue_change",
    "salesperson_exposure",
    "shrinking_customers",
    "write_figure",
    "write_pace",
]
