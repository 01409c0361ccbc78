"""The tasks as calendars, one .ics file per salesperson (RFC 5545): all-day entries that Outlook,
Google and Apple calendars import.
"""

import datetime as dt
import hashlib
from pathlib import Path

from icalendar import Calendar, Event

from carnet.engagement.records import read_texts, slug
from carnet.exhibits.headings import WORDS
from carnet.wording import Wording


def write_calendars(
    w: Wording, tasks: Path, folder: Path, client: str, as_of: dt.date
) -> list[str]:
    """Write one calendar per salesperson of lists/tasks.csv into `folder`; returns the file names,
    none when there is no task.

    An entry keeps its identity over reruns of the same audit, so that importing twice does
    not double it.
    """
    if not tasks.is_file():
        return []
    listed = read_texts(tasks).apply(lambda column: column.map(_clean))
    names: list[str] = []
    for owner, rows in listed.groupby("salesperson", sort=True):
        calendar = Calendar()
        calendar.add("prodid", "-//carnet//tasks//EN")
        calendar.add("version", "2.0")
        calendar.add(
            "x-wr-calname", " ".join(f"{_clean(client)} · {owner or w._('No salesperson')}".split())
        )
        for row in rows.to_dict("records"):
            calendar.add_component(_entry(w, row, client, as_of))
        folder.mkdir(exist_ok=True)
        stem = slug(owner) or ("salesperson" if owner else "unassigned")
        name = next(
            f
            for n in range(1, len(names) + 2)
            if (f := f"{stem}{f'-{n}' if n > 1 else ''}.ics") not in names
        )
        names.append(name)
        (folder / name).write_bytes(calendar.to_ical())
    return names


def _clean(text: str) -> str:
    """A text without the control characters that RFC 5545 forbids."""
    return "".join(
        character if character.isprintable() or character == "\n" else " " for character in text
    )


def _entry(w: Wording, row: dict[str, str], client: str, as_of: dt.date) -> Event:
    due = dt.date.fromisoformat(row["due_date"])
    identity = hashlib.sha256(
        "|".join((client, str(as_of), row["customer_id"])).encode()
    ).hexdigest()[:32]
    entry = Event()
    entry.add("uid", f"{identity}@carnet")
    entry.add("dtstamp", dt.datetime.combine(as_of, dt.time(), dt.UTC))
    entry.add("dtstart", due)
    entry.add("dtend", due + dt.timedelta(days=1))
    action = row.get("action", "")
    told = w._(WORDS[action]) if action in WORDS else action
    entry.add("summary", " · ".join(filter(None, (told, f"{row['name']} ({row['customer_id']})"))))
    entry.add("description", row["task"])
    entry.add("transp", "TRANSPARENT")
    return entry
