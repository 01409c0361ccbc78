"""Office packages (zip files) that are the same bytes for the same content: their clocks are set to
one day.
"""

import datetime as dt
import io
import re
import zipfile
from pathlib import Path

STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first day that a zip file can name


def set_clock(path: Path, day: dt.date) -> None:
    """Set every time inside a package, and inside the packages in it, to a day."""
    path.write_bytes(_stopped(path.read_bytes(), day))


def _stopped(content: bytes, day: dt.date) -> bytes:
    """A package with its clock set."""
    stamp = f"{day.isoformat()}T00:00:00Z".encode()
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as given,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as written,
    ):
        for name in given.namelist():
            part = given.read(name)
            if name.endswith((".xlsx", ".pptx", ".docx")):
                part = _stopped(part, day)
            elif name == "docProps/core.xml":
                part = STAMP.sub(rb"\g<1>" + stamp, part)
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            written.writestr(info, part)
    return made.getvalue()
