"""Patients whom an answer to staff shows without being a page about them: a choice, a message on the next page."""

from collections.abc import Iterable
from uuid import UUID

from django.http import HttpRequest


def note_shown(request: HttpRequest, patient_ids: Iterable[UUID]) -> None:
    """Note that the answer to a request shows these patients, for the record of who has seen whom."""
    request.__dict__.setdefault("shown_patients", set()).update(patient_ids)


def get_noted(request: HttpRequest) -> set[UUID]:
    """Return the patients of note_shown."""
    return request.__dict__.get("shown_patients", set())
