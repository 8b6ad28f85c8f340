"""The rows of a week as they stand in its form: what was typed, as texts. Pure; what the buttons of the page do."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from scheduling.models import ExtraHours, WorkingHours

Row = dict[str, str]

WEEKLY, EXTRA = "weekly", "extra"
COMMON = ("id", "start_time", "end_time", "location", "is_remote")
FIELDS = {WEEKLY: (*COMMON, "weekday", "valid_from", "valid_until", "every_weeks"), EXTRA: (*COMMON, "date")}
MAX_ROWS = 200  # of each kind; Django refuses a form with so many fields before
DAY = timedelta(days=1)
BREAK = (time(12), time(13))
HOUR = timedelta(hours=1)


def write_row(row: WorkingHours | ExtraHours) -> Row:
    """Return a saved row as its form shows it."""
    texts = {
        "id": str(row.pk),
        "start_time": f"{row.start_time:%H:%M}",
        "end_time": f"{row.end_time:%H:%M}",
        "location": str(row.location_id),  # pyright: ignore[reportAttributeAccessIssue]
        "is_remote": "on" if row.is_remote else "",
    }
    if isinstance(row, ExtraHours):
        return texts | {"date": row.date.isoformat()}
    dates = {name: day.isoformat() if (day := getattr(row, name)) else "" for name in ("valid_from", "valid_until")}
    return texts | dates | {"weekday": str(row.weekday), "every_weeks": str(row.every_weeks)}


def read_rows(data: Mapping[str, Any], kind: str) -> list[Row]:
    """Return the rows of a kind that were submitted."""
    number = data.get(f"{kind}-rows", "")
    total = min(int(number), MAX_ROWS) if number.isascii() and number.isdecimal() else 0
    return [{name: data.get(f"{kind}-{index}-{name}", "") for name in FIELDS[kind]} for index in range(total)]


def is_empty(row: Row) -> bool:
    """Return whether a row has no times: then it stands for none."""
    return not row["start_time"].strip() and not row["end_time"].strip()


def sort_rows(rows: Iterable[Row]) -> list[Row]:
    """Return weekly rows by day and time; those without a time are the last of their day."""
    return sorted(rows, key=lambda row: (row["weekday"], row["start_time"] or "~", row["valid_from"]))


def add_row(rows: list[Row], *, weekday: int, location: str) -> list[Row]:
    """Return the rows with another one, empty, on a day; it is where the day's last one is."""
    on_day = [row for row in rows if row["weekday"] == str(weekday)]
    return sort_rows([*rows, make_row(weekday=weekday, location=on_day[-1]["location"] if on_day else location)])


def make_row(*, weekday: int, location: str) -> Row:
    """Return an empty weekly row."""
    return dict.fromkeys(FIELDS[WEEKLY], "") | {"weekday": str(weekday), "location": location, "every_weeks": "1"}


def split_row(rows: list[Row], index: int) -> list[Row]:
    """Return the rows with a break in one of them: from twelve to one, or an hour in its middle."""
    row = rows[index]
    start, end = parse_time(row["start_time"]), parse_time(row["end_time"])
    if start is None or end is None:
        return rows
    first, last = BREAK
    if not start < first < last < (time.max if end == time() else end):
        length = _at(end) + (DAY if end == time() else timedelta()) - _at(start)
        if length <= HOUR:
            return rows
        before = round((length - HOUR) / timedelta(minutes=30)) * timedelta(minutes=15)
        first, last = (_at(start) + before).time(), (_at(start) + before + HOUR).time()
    morning = row | {"end_time": f"{first:%H:%M}"}
    afternoon = row | {"id": "", "start_time": f"{last:%H:%M}"}
    return [*rows[:index], morning, afternoon, *rows[index + 1 :]]


def copy_day(rows: list[Row], *, source: int, targets: Collection[int]) -> list[Row]:
    """Return the rows with other days made like one; theirs keep their ids as far as there are as many."""
    wanted = [row for row in rows if row["weekday"] == str(source) and not is_empty(row)]
    kept = [row for row in rows if row["weekday"] not in {str(day) for day in targets} - {str(source)}]
    copies = [
        copy
        for day in sorted(set(targets) - {source})
        for copy in give_ids([row | {"weekday": str(day)} for row in wanted], rows)
    ]
    return sort_rows([*kept, *copies])


def copy_week(rows: list[Row], others: Iterable[Row]) -> list[Row]:
    """Return another clinician's rows in place of these, under their ids as far as there are as many on a day."""
    others = list(others)
    return sort_rows(
        copy for day in range(7) for copy in give_ids([row for row in others if row["weekday"] == str(day)], rows)
    )


def give_ids(copies: list[Row], rows: list[Row]) -> list[Row]:
    """Return copies of rows for one day, under the ids of those that they replace."""
    ids = [row["id"] for row in rows if row["id"] and copies and row["weekday"] == copies[0]["weekday"]]
    ids += [""] * len(copies)
    return [copy | {"id": id} for copy, id in zip(copies, ids, strict=False)]


def begin_anew(rows: list[Row], day: date) -> list[Row]:
    """Return the rows until the day before, and the same ones from then on, to be changed."""
    result = []
    for row in rows:
        first, last = parse_date(row["valid_from"]), parse_date(row["valid_until"])
        if is_empty(row) or (first and first >= day) or (last and last < day):
            result.append(row)
            continue
        start = day
        if first and row["every_weeks"] not in ("", "1"):
            start = find_counted_week(first, int(row["every_weeks"]) if row["every_weeks"].isdecimal() else 1, day)
        is_over_before = last and last < start
        result.append(row if is_over_before else row | {"valid_until": (start - DAY).isoformat()})
        if not is_over_before:
            result.append(row | {"id": "", "valid_from": start.isoformat()})
    return sort_rows(result)


def find_counted_week(first: date, weeks: int, day: date) -> date:
    """Return the first date from ``day`` on in a week that counts, where every n-th does from that of ``first``."""
    monday, this_monday = (each - each.weekday() * DAY for each in (first, day))
    weeks = max(weeks, 1)
    ahead = -((this_monday - monday).days // 7) % weeks
    return day if not ahead else this_monday + ahead * 7 * DAY


def parse_time(text: str) -> time | None:
    """Return a time that was typed, or None."""
    try:
        return time.fromisoformat(text.strip())
    except ValueError:
        return None


def parse_date(text: str) -> date | None:
    """Return a date that was typed, or None."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _at(moment):
    return datetime.combine(date.min, moment)
