"""What the OpenAPI document says beside its operations."""

import sys

from .autoschema import tag_of
from .headers import HEADERS

KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key: `hf_sec_…` for servers, `hf_pub_…` for pages of the sites it names. "
    "Staff make keys in admin, or with `manage.py create_api_key`.",
}


def complete(result, generator, **kwargs):
    """Add the headings and the security scheme, and take out the notes of drf-spectacular to itself."""
    modules = {}
    for _, _, _, callback in generator.endpoints:
        modules.setdefault(tag_of(callback.cls), sys.modules[callback.cls.__module__])
    result["tags"] = [
        {"name": name, "description": module.__doc__.partition("\n")[0]} for name, module in modules.items()
    ]
    result["components"] |= {"headers": HEADERS, "securitySchemes": {"key": KEY}}
    drop(result, "x-spec-enum-id")
    return result


def drop(value, name):
    """Take a member out of everything inside ``value``."""
    if isinstance(value, dict):
        value.pop(name, None)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        drop(inner, name)
