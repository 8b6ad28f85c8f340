"""A patient without JavaScript, who posts what the pages' buttons post."""

import re
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.waiting import wait_until

TIMEOUT = 5
DETAILS = {
    "first_name": "Alice",
    "last_name": "Archer",
    "date_of_birth_day": "12",
    "date_of_birth_month": "4",
    "date_of_birth_year": "1985",
}


def book_on_the_web(address, day, email):
    """Book the first free consultation of a day, and return the last page's address."""
    wait_until(lambda: answers(f"{address}/healthz/live"))
    opening = offered(address, day)[0]
    details = hold_on_the_web(address, opening)
    done, page = visit(f"{details}confirm", DETAILS | {"email": email})
    assert done == f"{details}done", page
    return done


def offered(address, day):
    """Return the openings of a day's buttons."""
    _, page = visit(f"{address}/book/consultation/?day={day}")
    return re.findall(r'name="opening" value="([^"]+)"', page)


def hold_on_the_web(address, opening):
    """Press an opening's button, and return the address of the details page."""
    details, _ = visit(f"{address}/book/consultation/hold", {"opening": opening})
    return details


def visit(address, form=None):
    """Return the final address and the page after redirects."""
    with urlopen(address, form and urlencode(form).encode(), timeout=TIMEOUT) as response:
        return response.url, response.read().decode()


def answers(address):
    try:
        return visit(address)
    except URLError:
        return None
