"""The examples on /api/docs, run as they stand there."""

import os
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from booking.access.api_keys import create_key
from booking.models import Appointment
from tests.docs.test_examples import PROGRAMS, SCOPES


class CodeBlocks(HTMLParser):
    """The code of a page by its language: ``blocks["python"]`` is a list of texts."""

    def __init__(self, page):
        super().__init__()
        self.blocks, self.language = {}, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        name = dict(attributes).get("class", "")
        if tag == "code" and name.startswith("language-"):
            self.language = name.removeprefix("language-")
            self.blocks.setdefault(self.language, []).append("")

    def handle_endtag(self, tag):
        if tag == "code":
            self.language = None

    def handle_data(self, data):
        if self.language:
            self.blocks[self.language][-1] += data


@pytest.mark.parametrize("language", PROGRAMS)
def test_api_docs_example_books_and_cancels(language, transactional_db, live_server, client, dana):
    if not shutil.which(PROGRAMS[language][0]):
        assert not os.environ.get("CI"), f"{PROGRAMS[language][0]} is not installed."
        pytest.skip(f"{PROGRAMS[language][0]} is not installed, so the {language} example was not run.")
    _, key = create_key(name="the reader", kind="secret", scopes=SCOPES)
    host = live_server.url.removeprefix("http://")
    blocks = CodeBlocks(client.get("/api/docs", headers={"host": host}).content.decode()).blocks
    setting, program = blocks["text"][0].replace("hf_sec_…", key), blocks[language][0]

    run = subprocess.run(
        ["bash", "-c", f'{setting.strip()} && exec "$@"', "bash", *PROGRAMS[language]],
        input=program,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (run.returncode, run.stderr) == (0, "")
    appointment = Appointment.objects.get()
    assert (str(appointment.patient), appointment.status) == ("Alice Archer", "cancelled")
    assert run.stdout.split()[-1] == "cancelled"
