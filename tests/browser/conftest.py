"""A real Chromium in front of a real server. Nothing sleeps: Playwright waits for its locators."""

import threading

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from playwright.sync_api import expect

expect.set_options(timeout=60_000)  # a machine that runs all tests at once is slow at times


@pytest.fixture
def open_browser(chromium, request):
    """Open a browser of somebody: ``open_browser(javascript=False)`` returns a page.

    When the test is over, its pages must have asked for nothing elsewhere, set no cookie and broken no
    content security policy.
    """
    contexts, faults = [], []

    def open_browser(*, javascript=True, site=None, name="Alice's phone", **options):
        site = site or request.getfixturevalue("live_server").url
        context = chromium.new_context(
            base_url=site,
            java_script_enabled=javascript,
            user_agent=name,
            viewport={"width": 360, "height": 740},
            **options,
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        watch(page, site, faults)
        return page

    yield open_browser

    cookies = [cookie for context in contexts for cookie in context.cookies()]
    for context in contexts:
        context.close()
    assert (faults, cookies) == ([], [])


def watch(page, site, faults):
    """Add to ``faults`` what the page asks for outside ``site``, its scripts' errors, and what its policy refuses."""
    page.on("request", lambda asked: asked.url.startswith(site) or faults.append(asked.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: "Content Security Policy" in line.text and faults.append(line.text))


@pytest.fixture
def production_site(settings, tmp_path, transactional_db):
    """The address of the pages as they are served in production: compressed files with long lives."""
    settings.STATIC_ROOT = tmp_path
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = False
    storage = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": storage}}
    call_command("collectstatic", interactive=False, verbosity=0)
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
