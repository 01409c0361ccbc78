"""The cache of an engagement: one folder per hash of inputs, mapping and reading code,
complete or not there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import shutil
from functools import cache
from pathlib import Path

from carnet.engagement.file import Engagement
from carnet.intake.pseudonyms import fingerprint
from carnet.intake.sources import SourceFile, sha256_of

KEPT_BOOKS = 6
COMPUTED = "computed"  # the folder of a book's frames and tables that were computed from it
BUILT_FROM = {
    "tables", "as_of", "comparison", "fiscal_year_start", "currency", "cost_behaviour",
    "linked_share_minimum", "engine", "goods_cost", "rates",
}  # fmt: skip


def content_hash(engagement: Engagement, files: dict[str, list[SourceFile]], key: str) -> str:
    """Hash of what the stored tables depend on: bytes of the inputs, mapping,
    audit date and the code that reads them.
    """
    digest = hashlib.sha256()
    kept = engagement.model_dump(mode="json", include=BUILT_FROM)
    names = [(table, file.name, file.sha256) for table, listed in files.items() for file in listed]
    if engagement.rates_file:
        names.append(("rates", engagement.rates_file.name, sha256_of(engagement.rates_file)))
    digest.update(
        json.dumps([kept, names, fingerprint(key) if key else ""], sort_keys=True).encode()
    )
    digest.update(_reading_code())
    return digest.hexdigest()[:20]


@cache
def _reading_code() -> bytes:
    """Digest of the code of this process that reads books."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    own = ("building", "cube", "engines", "held", "on_postgres", "on_spark", "queries")
    for module in [
        *(
            package / "engagement" / name
            for name in ("schema.py", "periods.py", "profiles/pcg.yml")
        ),
        *sorted((package / "intake").glob("*.py")),
        *sorted((package / "intake" / "sources").glob("*.py")),
        *(package / "book" / f"{name}.py" for name in own),
    ]:
        digest.update(module.read_bytes())
    return digest.digest()


def date_file(
    engagement: Engagement, files: dict[str, list[SourceFile]], cache: Path, key: str
) -> Path:
    """Keeps the audit date that these inputs gave where none was named: the book is stored once,
    under its date.
    """
    return cache / f"{content_hash(engagement, files, key)}.as_of"


def with_known_date(
    engagement: Engagement, files: dict[str, list[SourceFile]], cache: Path, key: str
) -> Engagement:
    """The engagement with the audit date that these inputs gave before;
    unchanged where that is not known.
    """
    try:
        known = dt.date.fromisoformat(
            date_file(engagement, files, cache, key).read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return engagement
    return engagement.model_copy(update={"as_of": engagement.as_of or known})


def forget_oldest(cache: Path) -> None:
    """Remove all but the KEPT_BOOKS most recently opened books of the cache."""
    with contextlib.suppress(FileNotFoundError):  # another run forgets them at the same time
        opened = sorted(
            cache.glob("*/book.json"), key=lambda record: record.stat().st_mtime, reverse=True
        )
        for record in opened[KEPT_BOOKS:]:
            shutil.rmtree(record.parent, ignore_errors=True)
        for stale in sorted(
            cache.glob("*.as_of"), key=lambda file: file.stat().st_mtime, reverse=True
        )[KEPT_BOOKS:]:
            stale.unlink(missing_ok=True)


def put_in_place(made: Path, home: Path) -> None:
    """Rename a finished cache into place; one that another run finished meanwhile is kept,
    a damaged one replaced.
    """
    try:
        made.rename(home)
    except OSError:
        if is_whole(home):
            return
        home.rename(made.parent / "damaged")
        made.rename(home)


def is_whole(home: Path) -> bool:
    """True when a stored book is there with every file as long as it was written:
    a full disk or a careless hand cuts them.
    """
    try:
        return json.loads((home / "book.json").read_text(encoding="utf-8"))["sizes"] == sizes_of(
            home
        )
    except (OSError, ValueError, KeyError):
        return False


def sizes_of(home: Path) -> dict[str, int]:
    """Bytes of each stored file; hidden ones are an engine's own marks."""
    files = (path for path in sorted(home.rglob("*.parquet")) if path.is_file())
    named = {path.relative_to(home): path.stat().st_size for path in files}
    return {path.as_posix(): size for path, size in named.items() if COMPUTED not in path.parts}
