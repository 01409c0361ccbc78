"""Which header plays which role in a table."""

from collections.abc import Mapping

from carnet.engagement.file import Table
from carnet.engagement.schema import TableSchema
from carnet.errors import CarnetError, Message, examples, lines, nearest
from carnet.intake.sources.base import plain_header


class Headers:
    """The headers of a table's rows with their kinds (`types`: as DuckDB calls them), and the roles
    that they play: `mapping`, role → header.

    Raises CarnetError where a header that the engagement names, or a column that the table needs,
    is not there.
    """

    def __init__(
        self, name: str, spec: Table, schema: TableSchema, types: Mapping[str, str]
    ) -> None:
        self.name, self.spec, self.schema, self.types = name, spec, schema, types
        self.mapping = self._map_columns()

    def header(self, wanted: str, key: str) -> str:
        """The header of that name, whatever its case and spaces;
        raises CarnetError with the nearest one.
        """
        found = {plain_header(header): header for header in self.types}.get(plain_header(wanted))
        if found is None:
            raise CarnetError(
                "{name}: {key}: no header {wanted} in {examples}; {nearest}",
                name=self.name,
                key=key,
                wanted=f"{wanted!r}",
                examples=examples(self.spec.files),
                nearest=nearest(wanted, self.types),
            )
        return found

    def _named_columns(self, headers: dict[str, str]) -> tuple[dict[str, str], list[Message]]:
        """Role → header as the engagement says, and a message for each that is not there."""
        mapping, faults = {}, []
        for role, wanted in self.spec.columns.items():
            if wanted in self.types or plain_header(wanted) in headers:
                mapping[role] = wanted if wanted in self.types else headers[plain_header(wanted)]
                continue
            faults.append(
                Message(
                    "{name}: {key}: no header {wanted} in {examples}; {nearest}",
                    name=self.name,
                    key=f"columns: {role}",
                    wanted=f"{wanted!r}",
                    examples=examples(self.spec.files),
                    nearest=nearest(wanted, self.types),
                )
            )
        return mapping, faults

    def _map_columns(self) -> dict[str, str]:
        """Role → header: as the engagement says, else a header that is the role's own name
        or its legal one.
        """
        # of headers that differ by case alone, as an engine may hold, the one that is written so
        headers = {plain_header(header): header for header in self.types}
        headers |= {header: header for header in self.types if plain_header(header) == header}
        mapping, faults = self._named_columns(headers)
        taken = set(mapping.values())
        for role in self.schema.columns:
            name = plain_header(self.schema.headers.get(role, role))
            if role not in self.spec.columns and name in headers and headers[name] not in taken:
                mapping[role] = headers[name]
        for role in self.schema.required:
            sources = self.schema.derived.get(role, ())
            if (
                role in mapping
                or role in self.spec.columns
                or (sources and set(sources) <= set(mapping))
            ):
                continue
            instead: str = ""
            if sources:
                instead = Message(
                    " (or {first} and {second}, from which it is computed)",
                    first=sources[0],
                    second=sources[-1],
                )
            faults.append(
                Message(
                    "{name}: the column {role}{instead} is required. Map it under columns:. "
                    "Headers: {listed}.",
                    name=self.name,
                    role=role,
                    instead=instead,
                    listed=", ".join(self.types),
                )
            )
        for role, header in mapping.items():
            if self.types[header] == "BLOB":
                remedy = f"CAST({header} AS CHAR)" if self.spec.query else "its text"
                faults.append(
                    Message(
                        "{name}: {header} is stored as bytes and cannot be read as {role}. "
                        "Give {remedy} in its place.",
                        name=self.name,
                        header=f"{header!r}",
                        role=role,
                        remedy=remedy,
                    )
                )
        if faults:
            raise CarnetError(lines(faults))
        return mapping
