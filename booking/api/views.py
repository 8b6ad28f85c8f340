"""What every endpoint does: check a request, do it once or again, and answer."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from typing import Any
from uuid import uuid5

from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from rest_framework.exceptions import (
    AuthenticationFailed,
    NotFound,
    Throttled,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.views import APIView

from booking.access.client_identity import get_address, get_network_id
from booking.access.rate_limits import Usage
from booking.api.answers import Answer
from booking.api.deprecation import Deprecation, write_headers
from booking.api.etags import NotModified, is_among, make_etag, names_version
from booking.api.not_offered_reasons import hide_absences
from booking.api.outputs import OF_ATTENDEE, write_appointments, write_hold
from booking.api.pagination import CursorPagination
from booking.api.refusals import MissingScope
from booking.api.serializers import is_empty_without_parameters
from booking.api.shown_patients import find_ids, find_shown_patients
from booking.domain.patient_access import record_access
from booking.domain.patient_conflicts import PatientBusy
from booking.domain.slot_selection import NotOffered
from booking.domain.transitions import ChangedMeanwhile
from booking.models import ApiKey, PatientAccess
from booking.ops import idempotency

NOT_FILTERS = {"limit", "cursor", "sort", "expand"}  # of a list's parameters: they say how it is written
# Refused for what is not in the body, or for a body to be mended: to be tried again with the same key.
NEVER_STORED = {400, 401, 403, 412, 413, 415, 429}
# Kept with an answer's headers and never sent: which of the scopes that show people its key had.
READ_BY = "Read-By"
READING = (ApiKey.Scope.READ_APPOINTMENTS, ApiKey.Scope.READ_PATIENTS, ApiKey.Scope.WRITE_ORDERS)


class ApiView(APIView):
    """An endpoint. Each of its methods is an ``@operation``, and ``scopes`` has the ApiKey.Scope that it needs.

    Authentication, permissions, throttles, negotiation, parser, renderer and exception handler are those that
    settings.REST_FRAMEWORK names. They are given Django's request, with the caller as ``request.auth``: DRF's own would
    only pass on what it is asked.
    """

    scopes = {}  # {method: scope}; None is any live key
    serves_drafts = False  # whether a publishable key may do here what ApiKey.may_draft says
    tag = ""  # its heading in OpenAPI, one of openapi.document.TAGS
    is_personal = False  # whether its answers are about patients, and must not be cached
    written: Any = None  # the content of an answer that is stored for a request sent again
    has_registered = False  # whether the answer has nobody but the patient whom the request describes
    once_with_a_key = ("POST", "PATCH")  # the methods of which an Idempotency-Key makes one request of many
    never_stored = NEVER_STORED
    idempotency_headers = ("Idempotency-Key",)  # the first that a request has counts
    pagination_class = CursorPagination
    ordering = "created_at"  # of a list's pages
    sent: Mapping[str, str] = {}  # what a booking's request has said of who comes, as the appointment has it
    described: Mapping[str, str] = {}  # of that, what the request has spelled out, so that nobody was read for it
    events: Any = None  # rows of the events of the appointment that the request makes
    usage: Usage | None = None  # of the limit that the answer's RateLimit headers tell
    deprecations: tuple[Deprecation, ...] = ()  # that the answer's headers tell of

    # What DRF calls before and after a method

    def initialize_request(self, request, *args, **kwargs) -> Any:
        request.auth = None
        return request

    def initial(self, request, *args, **kwargs):
        """Check who calls, how often, whether they may, and what they read; refuse in this order: 401, 429, 403, 406.

        DRF's own order is 406, 401, 403, 429, and it counts neither wrong keys nor what is forbidden.
        """
        try:
            self.perform_authentication(request)
        except AuthenticationFailed:
            self.check_throttles(request)
            raise
        self.check_throttles(request)
        self.check_permissions(request)
        self.perform_content_negotiation(request)

    def perform_authentication(self, request):
        """Set ``request.auth`` to who calls, or raise AuthenticationFailed."""
        for authenticator in self.get_authenticators():
            _, request.auth = authenticator.authenticate(request)

    format_kwarg = None  # read by perform_content_negotiation; no address ends in .json

    def check_throttles(self, request):
        """Raise Throttled at the first limit that is used up: what it refuses does not count for the next."""
        for throttle in self.get_throttles():
            is_allowed = throttle.allow_request(request, self)
            if throttle.is_reported or not is_allowed:
                self.usage = throttle.usage
            if not is_allowed:
                raise Throttled(throttle.wait())

    def finalize_response(self, request, response, *args, **kwargs):
        if isinstance(response, Answer):
            self.record_reading(response)
        if self.is_personal:
            response["Cache-Control"] = "no-store"
        for name, value in (self.usage.headers if self.usage else {}).items():
            response[name] = value
        if self.deprecations:
            page = request.build_absolute_uri(f"{reverse('docs')}#changelog")
            for name, value in write_headers(self.deprecations, page).items():
                response[name] = value
        return response

    def handle_exception(self, exc):
        if isinstance(exc, PatientBusy) and not self.key.may(ApiKey.Scope.READ_APPOINTMENTS):
            exc = PatientBusy(exc.conflict._replace(appointment_id=None))
        if isinstance(exc, NotOffered) and self.key.is_publishable:
            exc = NotOffered(hide_absences(exc.reasons))
        return super().handle_exception(exc)

    @property
    def default_response_headers(self) -> dict:
        return {}  # Allow is for 405 only, and answers do not vary

    @property
    def allowed_methods(self) -> list[str]:
        return [*self.scopes, *["HEAD"] * ("GET" in self.scopes)]

    # What @operation calls

    def run(self, operation, handler):
        """Check the address of a request, and answer it with the endpoint's method."""
        self.operation = operation
        if operation.deprecation:
            self.deprecations += (operation.deprecation,)
        self.parameters = self.read_parameters(operation.query)
        return self.answer_once(handler)

    def read_parameters(self, form) -> dict:
        """Return the parameters of the address, validated by a Query."""
        if not self.request.META.get("QUERY_STRING") and is_empty_without_parameters(form):
            return {}
        data = self.request.GET
        self.note_deprecated(data)
        return self.validate(form(data=data, context={"key": self.key}))  # pyright: ignore[reportReturnType]

    def answer_once(self, handler):
        """Call the endpoint; with an Idempotency-Key, once for all requests with that key."""
        request = self.request
        if request.method not in self.once_with_a_key or self.idempotency_key is None:
            return handler(request, **self.kwargs)
        try:
            stored = idempotency.run_once(lambda: self.effect(handler), **self.get_idempotency_identity())
        except idempotency.NotStored as undone:
            return undone.answer
        return self.write_stored(*stored)

    def find_stored_answer(self):
        """Return the answer of an earlier request with the same Idempotency-Key, or None."""
        answer = self.idempotency_key and idempotency.find_answer(**self.get_idempotency_identity())
        return self.write_stored(answer, is_replay=True) if answer else None

    def get_idempotency_identity(self):
        """Return what tells a request with an Idempotency-Key from others."""
        return {
            "holder": self.caller,
            "route": f"{self.request.method} {self.request.path}",
            "idempotency_key": self.idempotency_key,
            "request_hash": hashlib.sha256(self.request.body).digest(),
        }

    def write_stored(self, answer, is_replay):
        status, body, headers = answer
        for scope in headers.pop(READ_BY, "").split():
            if not self.key.may(scope):  # the key had it when it was answered
                raise MissingScope(scope)
        response = HttpResponse(body, status=status, headers=headers)
        if is_replay:
            response["Idempotent-Replayed"] = "true"
        return response

    @property
    def idempotency_key(self):
        """The request's Idempotency-Key, or None; raises ValidationError."""
        header = next((name for name in self.idempotency_headers if name in self.request.headers), None)
        if header is None:
            return None
        name = self.request.headers[header]
        if 1 <= len(name) <= 255 and name.isascii() and name.isprintable():
            return name
        raise ValidationError({header: "Use 1 to 255 printable ASCII characters."})

    def is_stored(self, status):
        """Return whether an answer with that status is kept for the same request sent again.

        Anybody can have a publishable key refused, as often as they like: nothing is kept of that.
        """
        is_refusal = status in self.never_stored or (status >= 400 and self.key.is_publishable)
        return not is_refusal and status < 500

    def effect(self, handler):
        try:
            response = handler(self.request, **self.kwargs)
            if isinstance(response, Answer):
                self.record_reading(response)
                self.written = response.data
        except Exception as error:  # noqa: BLE001 (as in APIView.dispatch)
            response = self.handle_exception(error)
        if not self.is_stored(response.status_code):
            raise idempotency.NotStored(response)
        read_by = [scope for scope in READING if self.is_personal and self.key.may(scope)]
        headers = {**response.headers, READ_BY: " ".join(read_by)}
        return (response.status_code, response.content, headers), find_ids(self.written)

    def record_reading(self, response):
        """Write down which patients an answer tells its key of. A publishable key is told of none."""
        if not self.is_personal or self.has_registered or response.status_code >= 300 or self.key.is_publishable:
            return
        if shown := self.find_shown(response.data):
            record_access(
                shown,
                action=PatientAccess.Action.API_READ,
                actor=self.key.actor,
                page=self.request.resolver_match.route,
                address=get_address(self.request),
            )

    def find_shown(self, data):
        """Return the ids of the patients of whom an answer tells more than the request has said itself."""
        return find_shown_patients(data, self.described)

    # What the endpoints call

    @property
    def must_be_free(self):
        """Whether a patient who is elsewhere then is refused: a publishable key must not learn who is a patient."""
        return not self.key.is_publishable

    @property
    def key(self):
        """Return the ApiKey that the request shows; None where none is needed."""
        return self.request.auth

    @property
    def caller(self):
        """Whose Idempotency-Keys a request has: its key's holder's, of a publishable key each network's own."""
        holder = self.key.holder
        return uuid5(holder, get_network_id(self.request)) if self.key.is_publishable else holder

    @cached_property
    def data(self) -> Any:
        """The body, read by the parser of its type: its Members; an empty one has none. Raises ParseError."""
        if not self.request.body:
            return {}
        parser = self.get_content_negotiator().select_parser(self.request, self.get_parsers())
        if parser is None:
            raise UnsupportedMediaType(self.request.content_type)
        return parser.parse(BytesIO(self.request.body))

    def body(self, *, instance=None, partial=False, **context):
        """Return the JSON body's fields, validated by the form of the operation; an empty body has none."""
        self.note_deprecated(self.data)
        context = {"key": self.key, **context}
        if self.operation.read and (fields := self.operation.read(self.data, context)) is not None:
            return fields
        return self.validate(self.operation.body(data=self.data, instance=instance, partial=partial, context=context))

    def note_deprecated(self, sent):
        """Remember which of the names in ``sent`` are deprecated, for the headers of the answer."""
        deprecated = self.operation.deprecated_members
        if deprecated and isinstance(sent, dict):  # a body may be any JSON until it is validated
            self.deprecations += tuple(deprecated[name] for name in deprecated if name in sent)

    def validate(self, form):
        form.is_valid(raise_exception=True)
        return form.validated_data

    @property
    def filters(self) -> Q:
        """Return what the parameters of a list ask of its rows: each is the value of a lookup, or a Q by itself."""
        given = {name: value for name, value in self.parameters.items() if name not in NOT_FILTERS}
        conditions = [given.pop(name) for name in list(given) if isinstance(given[name], Q)]
        return Q(*conditions, **given)

    @cached_property
    def paginator(self):
        return self.pagination_class()  # pyright: ignore[reportCallIssue]

    def paginate_queryset(self, queryset) -> list:
        """Return the rows of the page that is asked for."""
        return self.paginator.paginate_queryset(queryset, self.request, view=self)

    def get_paginated_response(self, data):
        return self.paginator.get_paginated_response(data)

    def answer(self, data, status=200, headers=None, **meta):
        """Return the JSON answer ``{"data": …, "meta": …}``."""
        return Answer({"data": data, "meta": {"request_id": self.request.id, **meta}}, status, headers=headers)

    def answer_version(self, row, written, status=200, **headers):
        """Answer with a row as it is written, and its ETag."""
        return self.answer_with_etag(make_etag(row, written), written, status, **headers)

    def answer_with_etag(self, tag, data, status=200, **headers):
        """Answer with an ETag; 304 without a body to a reader who has just that."""
        if self.request.method in ("GET", "HEAD") and is_among(tag, self.request.headers.get("If-None-Match")):
            return NotModified(headers={"ETag": tag})
        return self.answer(data, status, {"ETag": tag, **headers})

    def answer_hold(self, hold, status=200, **headers):
        return self.answer_version(hold, write_hold(hold, self.key), status, **headers)

    def answer_appointment(self, appointment, status=200, *, is_new=False, **headers):
        """Answer with an appointment.

        A key that may not read it learns nothing of who comes but what this request has said itself (``sent``), and
        its metadata only when it has just made it: a verb that changes nothing would be a way to read.
        """
        [written] = write_appointments([appointment], self.key, self.events)
        if not self.may_read_appointment(appointment):
            known = {name: value for name, value in self.sent.items() if written.get(name) == value}
            written |= dict.fromkeys(OF_ATTENDEE, "") | known | ({} if is_new else {"metadata": {}})
        return self.answer_version(appointment, written, status, **headers)

    def may_read_appointment(self, appointment):
        """Return whether the key may read who comes: orders are read with their appointments."""
        may_read_order = appointment.order_id and self.key.may(ApiKey.Scope.WRITE_ORDERS)
        return bool(may_read_order or self.key.may(ApiKey.Scope.READ_APPOINTMENTS))

    def locate(self, path: str) -> str:
        """Return the whole address of a path; build_absolute_uri takes one apart first that may be whole."""
        return f"{self.request.scheme}://{self.request.get_host()}{path}"

    def expected_version(self, thing):
        """Return the ``updated_at`` that If-Match asks for, or None without it; raises ChangedMeanwhile."""
        wanted = self.request.headers.get("If-Match", "*")
        if wanted == "*":
            return None
        if not names_version(wanted, thing):
            raise ChangedMeanwhile
        return thing.updated_at


class NotHere(ApiView):
    """Any other address below /api/."""

    schema = None  # not an endpoint that OpenAPI tells of

    def initialize_request(self, request, *args, **kwargs) -> Any:
        request.auth = None
        return request

    def initial(self, request, *args, **kwargs):
        if "Authorization" in request.headers:
            super().initial(request, *args, **kwargs)  # so that a page on the key's sites may read the answer
        raise NotFound
