"""Addresses of admin pages, and what they show."""

import html
import re

from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse


def url(model, page="changelist", *arguments):
    return reverse(f"admin:{model}_{page}", args=arguments)


def list_messages(response):
    """Return the messages that the next page will show."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def get_text(response):
    """Return the page as plain text."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def get_rows(response):
    """Return the cells of each row of a list as plain text."""
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


def run_action(browser, model, action, *objects, query="", **fields):
    """Post a list's action for the objects and return the response."""
    ids = [str(each.pk) for each in objects]
    return browser.post(url(model) + query, {"action": action, "_selected_action": ids, **fields})


def count_queries(browser, address):
    """Return the number of queries that a page takes once per-process caches are warm."""
    browser.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)
