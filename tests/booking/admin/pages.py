"""What the tests of admin share: addresses, and what a page says."""

import html
import re

from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse


def url(model, page="changelist", *arguments):
    return reverse(f"admin:{model}_{page}", args=arguments)


def said(response):
    """The messages that the next page will show."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def shown(response):
    """What one reads on the page, without tags."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def rows(response):
    """The texts of each row of a list."""
    body = re.search(r"<tbody>(.*?)</tbody>", response.content.decode(), flags=re.S)
    return (
        [
            [
                " ".join(html.unescape(re.sub(r"<[^>]+>", " ", cell)).split())
                for cell in re.findall(r"<t[dh] class=\"field-.*?>(.*?)</t[dh]>", row, flags=re.S)
            ]
            for row in re.findall(r"<tr>(.*?)</tr>", body[1], flags=re.S)
        ]
        if body
        else []
    )


def act(browser, model, action, *objects, query="", **fields):
    """Choose objects in a list and carry out an action on them."""
    chosen = [str(chosen.pk) for chosen in objects]
    return browser.post(url(model) + query, {"action": action, "_selected_action": chosen, **fields})


def queries(browser, address):
    """The number of queries that a page takes."""
    browser.get(address)  # what is kept for the process is loaded by now
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)
