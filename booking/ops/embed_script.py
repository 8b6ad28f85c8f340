"""The script that other sites frame our pages with.

embed.js is the newest. Each file that a release has named by its hash stays in versions/ and is served for ever, since
sites keep its address with its integrity.
"""

import base64
import hashlib
from functools import cache, lru_cache
from typing import NamedTuple

from django.conf import settings

FOLDER = settings.BASE_DIR / "static" / "embed"


class ScriptVersion(NamedTuple):
    """A name for what is in the script, and its integrity as a script element has it."""

    name: str
    integrity: str


@lru_cache(maxsize=64)  # anybody may ask for names that there are not
def read_script(version: str = "") -> bytes | None:
    """Return the newest script, or the one of a version; None if there is no such version."""
    path = FOLDER / (f"versions/embed.{version}.js" if version else "embed.js")
    return path.read_bytes() if path.is_file() else None


@cache
def get_newest_version() -> ScriptVersion:
    """Return the version that the newest script is served as."""
    content = read_script() or b""
    integrity = base64.b64encode(hashlib.sha384(content).digest()).decode()
    return ScriptVersion(hashlib.sha256(content).hexdigest()[:16], f"sha384-{integrity}")
