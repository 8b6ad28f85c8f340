"""Middleware: the language of a page, which its address names or its reader's browser."""

import re

from django.conf import settings
from django.utils import translation
from django.utils.cache import patch_vary_headers

from scheduling.lib.languages import choose_language, split_path, use_language

# What staff and programs read, and files.
ENGLISH = re.compile(
    r"/(?:admin|api|brand|calendars|embed\.js|embed\.[0-9a-f]+\.js|images|junction|manifest\.webmanifest|onsched|problems|static)(?:/|$)"
)


def page_language(get_response):
    """Activate the language of a page for patients; all else is in English.

    The element of the path that names one is no part of any address below: ``path_info`` is without it, and since it
    is the script prefix, all that ``reverse`` returns has it.
    """

    def middleware(request):
        if ENGLISH.match(request.path_info):
            if translation.get_language() == settings.LANGUAGE_CODE:
                return get_response(request)
            with translation.override(settings.LANGUAGE_CODE):
                return get_response(request)
        named, path = split_path(request.path_info)
        if named:
            if not ENGLISH.match(path):
                request.path_info = path
            with use_language(named):
                return mark(get_response(request))
        with translation.override(choose_language(request.headers.get("Accept-Language", ""))):
            response = mark(get_response(request))
        patch_vary_headers(response, ("Accept-Language",))
        return response

    return middleware


def mark(response):
    response.headers.setdefault("Content-Language", translation.get_language())
    return response
