"""What of the API is to go, since when and until when: OpenAPI says it, and so do the headers of answers.

The policy is in docs/api-changelog.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils.http import http_date

# How long what is deprecated goes on to work.
NOTICE = timedelta(days=365)


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """``instead`` is a sentence that says what to use; the dates begin at midnight UTC.

    Raise ValueError if ``sunset`` comes before the notice is over that the policy promises.
    """

    since: date
    sunset: date
    instead: str

    def __post_init__(self):
        if self.sunset < self.since + NOTICE:
            raise ValueError(f"What is deprecated lives for {NOTICE.days} days or longer.")

    @property
    def description(self):
        return f"Deprecated since {self.since}, and gone after {self.sunset}. {self.instead}"


def write_headers(deprecations: Sequence[Deprecation], changelog: str) -> dict[str, str]:
    """Return the headers of an answer that these have part in: the earliest dates of them.

    ``changelog`` is the address of the page that tells of them.
    """
    since = min(deprecation.since for deprecation in deprecations)
    sunset = min(deprecation.sunset for deprecation in deprecations)
    return {
        "Deprecation": f"@{_as_timestamp(since)}",  # RFC 9745
        "Sunset": http_date(_as_timestamp(sunset)),  # RFC 8594
        "Link": f'<{changelog}>; rel="deprecation"; type="text/html"',
    }


def _as_timestamp(day):
    return int(datetime.combine(day, time(), UTC).timestamp())
