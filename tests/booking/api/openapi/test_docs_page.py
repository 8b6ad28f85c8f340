"""The page of the API as it comes from the server: whole without JavaScript, and nothing of it from elsewhere."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from booking.api.openapi.views import openapi_document
from booking.dev.servers import BASE_DIR


class Page(HTMLParser):
    """What a page is made of: ids, links, inline handlers and styles, addresses it loads, levels of its headings."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.handlers, self.loaded, self.headings = [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        self.ids += [given["id"]] if "id" in given else []
        if tag == "a":
            self.links.append(given["href"])
        elif tag in ("link", "script", "img"):
            self.loaded.append(given.get("href") or given["src"])
        elif re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.fixture
def html(client, db):
    return client.get("/api/docs", headers={"host": "testserver"}).content.decode()


def test_docs_page_contents_lead_to_sections_of_the_page(html):
    page = Page(html)
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert set(inside) <= set(page.ids) and len(page.ids) == len(set(page.ids))
    assert {"start", "webhooks", "dialects", "changelog", "operations", "webhooks-verify-it"} <= set(inside)


def test_docs_page_headings_leave_out_no_level(html):
    levels = Page(html).headings
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_docs_page_loads_nothing_from_elsewhere_and_has_nothing_inline(html):
    page = Page(html)
    assert page.handlers == []
    assert all(address.startswith("/static/") for address in page.loaded)
    assert "<script>" not in html and "<style" not in html


def test_docs_page_links_to_documents_lead_to_what_the_clinic_serves(html, client):
    links = [link for link in Page(html).links if not link.startswith(("#", "https://"))]
    assert {client.get(link).status_code for link in links} == {200}


def test_docs_page_shows_the_clinic_s_own_address(html):
    assert "export BASE=http://testserver KEY=hf_sec_…" in html
    assert "localhost" not in html


def test_docs_page_lists_every_operation(html):
    operations = [row for path in openapi_document()["paths"].values() for row in path.values()]
    ids = set(Page(html).ids)
    assert {f"operations-{operation['tags'][0]}-{operation['operationId']}" for operation in operations} <= ids


def test_docs_page_leaves_out_what_only_developers_of_the_code_need(html):
    assert "For those who change it" not in html and "booking/api/operation.py" not in html


def test_documents_of_the_page_are_in_the_image():
    assert "COPY docs docs\n" in (BASE_DIR / "Dockerfile").read_text()
    assert "!docs/*.md\n" in (BASE_DIR / ".dockerignore").read_text()
