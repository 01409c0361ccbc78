"""URLs of databases: told from file names, completed from the environment,
printed without their secrets.
"""

import os
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from carnet.errors import CarnetError, examples

ENGINES = ("duckdb", "spark")  # beside the URL of a server
SERVERS = ("postgres://", "postgresql://")
HOLDERS = ("spark", "postgres")  # engines that hold tables of their own
STORES = (  # of files that Spark reads by its own configuration
    *("s3://", "s3a://", "s3n://", "hdfs://", "viewfs://", "abfs://", "abfss://", "wasb://"),
    *("wasbs://", "gs://", "oci://", "dbfs://", "file://"),
)


def is_database_url(text: str) -> bool:
    """True for scheme://…, other than of files that an engine reads."""
    return re.match(r"[a-z][a-z0-9+]*://", text) is not None and not text.startswith(STORES)


@dataclass(frozen=True)
class Address:
    """Rows that an engine holds: a table (`kind` table) by its one name, or Parquet files (path) by
    their paths; `engine` is the kind of engine that is asked, spark or postgres.
    """

    engine: str
    kind: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.engine}:{self.names[0]}" if self.kind == "table" else ", ".join(self.names)

    @property
    def quoted(self) -> str:
        """A table's name for SQL, part by part."""
        parts = (part.replace('"', '""') for part in self.names[0].split("."))
        return ".".join(f'"{part}"' for part in parts)


def address_of(pattern: str) -> Address | None:
    """The rows of an engine that an entry of `files` names; None where it names files or a
    database's query.

    >>> address_of("spark:lake.sales")
    Address(engine='spark', kind='table', names=('lake.sales',))
    >>> address_of("s3a://lake/sales/")
    Address(engine='spark', kind='path', names=('s3a://lake/sales/',))
    >>> address_of("sales.csv"), address_of("postgresql://db/sales")
    (None, None)
    """
    scheme, _, rest = pattern.partition(":")
    if scheme in HOLDERS and rest and not rest.startswith("//"):
        return Address(scheme, "table", (rest,))
    return Address("spark", "path", (pattern,)) if pattern.startswith(STORES) else None


def without_secret(url: str) -> str:
    """What may be printed of a database URL: scheme, server and database;
    no user, password, option or local path.

    >>> without_secret("postgresql://me:p@ss@db:5432/sales?sslpassword=x")
    'postgresql://db:5432/sales'
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[?#]', rest)[0].rpartition('@')[2]}"


def names_secret(url: str) -> bool:
    """True when a password stands in the URL itself, where it would be read, copied and committed.

    >>> (
    ...     names_secret("postgresql://me:p@db/sales"),
    ...     names_secret("postgresql://me:${SALES_PASSWORD}@db/sales"),
    ... )
    (True, False)
    >>> (
    ...     names_secret("postgresql://me:pa/ss@db/x"),
    ...     names_secret("postgresql://db/x?pass%77ord=${A}x"),
    ...     names_secret("sqlite:///a.db"),
    ... )
    (True, True, False)
    """
    rest = url.partition("://")[2]
    password = rest.rpartition("@")[0].partition(":")[2]
    options = [option.partition("=") for option in re.split("[&;]", rest.partition("?")[2])]
    given = [password, *(value for name, _, value in options if "pass" in unquote(name).lower())]
    return any(value and not re.fullmatch(r"\$\{\w+\}", value) for value in given)


def from_environment(key: str, url: str) -> str:
    """The URL with each `${NAME}` read from the environment,
    so that no password stands in the engagement file.

    Raises CarnetError, which names the engagement's `key` and the variables that are not set.
    """
    names = re.findall(r"\$\{(\w+)\}", url)
    unset = [name for name in names if name not in os.environ]
    if unset:
        raise CarnetError(
            "{key}: {url} names environment variables that are not set: {examples}.",
            key=key,
            url=without_secret(url),
            examples=examples(unset),
        )
    # what stands for user and password may hold any character
    user, at, server = url.rpartition("@")
    user = re.sub(r"\$\{(\w+)\}", lambda match: quote(os.environ[match[1]], safe=""), user)
    return user + at + re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], server)


def first_line(error: BaseException, url: str, target: str) -> str:
    """What a driver says, without what the environment put into the URL."""
    told = (str(error).strip().splitlines() or [type(error).__name__])[0]
    values = [os.environ.get(name, "") for name in re.findall(r"\$\{(\w+)\}", url)]
    for secret in filter(None, [target, *values, *(quote(value, safe="") for value in values)]):
        told = told.replace(secret, "***")
    return told
