"""URLs of databases: told from file names, completed from the environment, printed without their secrets."""

import os
import re
from urllib.parse import unquote, urlsplit

from carnet.errors import CarnetError, examples

ENGINES = ("duckdb", "spark")  # beside the URL of a server
SERVERS = ("postgres://", "postgresql://")


def is_database_url(text: str) -> bool:
    """True for scheme://…"""
    return re.match(r"[a-z][a-z0-9+]*://", text) is not None


def without_secret(url: str) -> str:
    """What may be printed of a database URL: scheme, server and database; no user, password, option or local path.

    >>> without_secret("postgresql://me:p@ss@db:5432/sales?sslpassword=x")
    'postgresql://db:5432/sales'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def names_secret(url: str) -> bool:
    """True when a password stands in the URL itself, where it would be read, copied and committed.

    >>> names_secret("postgresql://me:p@db/sales"), names_secret("postgresql://me:${SALES_PASSWORD}@db/sales")
    (True, False)
    """
    user, _, _ = re.sub(r"\$\{\w+\}", "", urlsplit(url).netloc).rpartition("@")
    return bool(user.partition(":")[2]) or bool(re.search(r"[?&]\w*password=(?!\$\{)", url))


def from_environment(key: str, url: str) -> str:
    """The URL with each `${NAME}` read from the environment, so that no password stands in the engagement file.

    Raises CarnetError, which names the engagement's `key` and the variables that are not set.
    """
    names = re.findall(r"\$\{(\w+)\}", url)
    unset = [name for name in names if name not in os.environ]
    if unset:
        raise CarnetError(f"{key}: {without_secret(url)} names environment variables that are not set: {examples(unset)}.")
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], url)


def first_line(error: BaseException, url: str, target: str) -> str:
    """What a driver says, without what the environment put into the URL."""
    told = (str(error).splitlines() or [type(error).__name__])[0]
    parts = urlsplit(target)
    for secret in filter(
        None,
        [*(os.environ.get(name, "") for name in re.findall(r"\$\{(\w+)\}", url)), target, parts.password, unquote(parts.password or "")],
    ):
        told = told.replace(secret, "***")
    return told
