"""How long an overloaded server asks to be left alone."""

import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from scheduling.lib.safe_http import Answer

MAX_WAIT = timedelta(hours=24)


def parse_retry_after(answer: Answer, *, now: datetime) -> timedelta | None:
    """Return the wait that an Answer of status 429 or 503 asks for, a day at most, or None."""
    asked = answer.headers.get("Retry-After", "").strip()
    if answer.status not in (429, 503) or not asked:
        return None
    if re.fullmatch("[0-9]{1,9}", asked):
        wait = timedelta(seconds=int(asked))
    else:
        try:
            moment = parsedate_to_datetime(asked)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:  # "-0000"
            return None
        wait = moment - now
    return min(max(wait, timedelta(0)), MAX_WAIT)
