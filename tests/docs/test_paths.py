"""Links and code paths in the documents exist."""

import re

import pytest

from booking.dev.servers import BASE_DIR

DOCUMENTS = [*BASE_DIR.glob("*.md"), *BASE_DIR.glob("docs/**/*.md")]
FOLDERS = "booking|docs|locale|patients|scheduling|static|templates|tests"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_document_links_and_code_paths_exist(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", text)
    paths = re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text)

    missing = [link for link in links if not (document.parent / link).exists()]
    missing += [path for path in paths if not (BASE_DIR / path).exists()]

    assert missing == []
