"""Environment variables as settings.

A variable that is missing or wrong stops the start with one line that names it and never repeats its value.
"""

import json
import os
import re
import sys
from email.utils import parseaddr
from typing import Any, Never
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF


def refuse(name: str, reason: str) -> Never:
    """Stop the start with one line, without the value: that may be a password."""
    sys.exit(f"Holdfast cannot start: {name} {reason}")


def text(name: str, default: str | None = None) -> str:
    """Return the variable's value; without a default it must be set."""
    value = os.environ.get(name, "").strip() or default
    if value is None:
        refuse(name, "is not set.")
    return value


def boolean(name: str, default: bool) -> bool:
    """Return True or False. Anything else is refused, so that a typing error never switches a safeguard off."""
    word = text(name, str(default)).lower()
    if word not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        refuse(name, "must be True or False.")
    return word in ("true", "1", "yes", "on")


def integer(name: str, default: int, minimum: int = 0) -> int:
    """Return a whole number, no smaller than ``minimum``."""
    value = text(name, str(default))
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) < minimum:
        refuse(name, f"must be a whole number, {minimum} or more.")
    return int(value)


def choice(name: str, *choices: str) -> str:
    """Return one of some words, the first of which is the default."""
    word = text(name, choices[0]).lower()
    if word not in choices:
        refuse(name, f"must be {' or '.join(choices)}.")
    return word


def address(name: str) -> str:
    """Return an IP address or a host with its port, such as 127.0.0.1:9108, or an empty text."""
    value = text(name, "")
    if value and not re.fullmatch(r"[^:\s]+:[0-9]{1,5}|\[[0-9a-f:]+\]:[0-9]{1,5}", value):
        refuse(name, "must look like 127.0.0.1:9108.")
    return value


def word_list(name: str, default: str | None = None) -> list[str]:
    """Return the words of a list that is separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def json_object(name: str, default: str) -> dict[str, Any]:
    """Return the object that a variable has as JSON."""
    try:
        value = json.loads(text(name, default))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        refuse(name, 'must be a JSON object such as {"to": "{to}"}.')
    return value


def database(name: str) -> dict[str, Any]:
    """Return Django's settings of the PostgreSQL database at a URL."""
    return _read_database(name, text(name))


def databases(name: str) -> list[dict[str, Any]]:
    """Return Django's settings of the databases at a list of URLs, separated by commas."""
    return [_read_database(name, url) for url in word_list(name, "")]


def _read_database(name, url):
    try:
        config = dict(environ.Env.db_url_config(url)) if re.match("postgres(ql)?://", url) else {}
    except ValueError:
        config = {}
    if not config.get("NAME"):
        refuse(name, "must look like postgres://user:password@host:5432/database.")
    return config


def redis(name: str) -> str:
    """Return the URL of a Redis server."""
    url = text(name)
    if not _is_address(url, "redis", "rediss"):
        refuse(name, "must look like redis://:password@host:6379/0.")
    return url


def broker(name: str, default: str) -> str:
    """Return the URL of Celery's broker, a Redis or RabbitMQ server."""
    url = text(name, default)
    if not _is_address(url, "redis", "rediss", "amqp", "amqps"):
        refuse(name, "must look like redis://:password@host:6379/0 or amqp://user:password@host:5672/vhost.")
    return url


def _is_address(url, *schemes):
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def email(name: str, default: str | None) -> dict[str, Any]:
    """Return Django's EMAIL_… settings of the mail server at a URL."""
    url = text(name, default)
    try:
        config = environ.Env.email_url_config(url)
    except (ValueError, environ.ImproperlyConfigured):
        config = {}
    if not config or (config["EMAIL_BACKEND"].endswith("smtp.EmailBackend") and not config["EMAIL_HOST"]):
        refuse(name, "must look like smtp+tls://user:password@host:587.")
    return config


def sender(name: str, default: str | None) -> str:
    """Return who e-mails are from: an address, perhaps behind a name."""
    value = text(name, default)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(value)[1]):
        refuse(name, "must look like Harbour Clinic <bookings@clinic.example>.")
    return value


def page_address(name: str) -> str:
    """Return the address of a page on the web, or "" if there is none."""
    value = text(name, "")
    if value and not re.fullmatch(r"https?://[^\s<>\"']+", value):
        refuse(name, "must be the address of a page, such as https://www.clinic.example/privacy.")
    return value


def origins(name: str, default: str) -> list[str]:
    """Return a list of web origins such as https://clinic.example."""
    return _check_origins(name, word_list(name, default))


def frame_ancestors(name: str) -> list[str]:
    """Return who may frame the patient's pages, as Content-Security-Policy writes it: self, none, and origins."""
    values = [value.strip("'") for value in word_list(name, "self")]
    if "none" in values:
        return [NONE]
    return [SELF] * ("self" in values) + _check_origins(name, [value for value in values if value != "self"])


def _check_origins(name, values):
    for value in values:
        if not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?", value):
            refuse(name, "must be origins such as https://clinic.example, separated by commas.")
    return values
