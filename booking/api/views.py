"""What every endpoint does: who asks, whether they may, once or again, and how the answer looks."""

import hashlib
import logging
from uuid import uuid5

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from rest_framework import exceptions
from rest_framework.views import APIView

from booking.access.api_keys import InvalidKey, find_key
from booking.access.client_identity import get_network, get_visitor_id
from booking.access.rate_limits import counter
from booking.api.cors import get_origin
from booking.api.exception_handler import known, problem_response
from booking.api.operation import get_operation
from booking.api.outputs import OF_ATTENDEE, write_appointments, write_hold
from booking.api.refusals import ForeignOrigin, InternalError, LengthRequired, MissingScope, RequestTooLarge, Throttled
from booking.api.serializers import read_json
from booking.domain.transitions import ChangedMeanwhile
from booking.ops import idempotency

logger = logging.getLogger(__name__)

ADDRESS_LIMIT = 1_200  # requests a minute; a clinic's whole waiting room may share one address
NETWORKS = 10  # so many times a publishable key's limit for one network is its limit for all
# Refused for what is not in the body, or for a body to be mended: to be tried again with the same key.
NEVER_STORED = {400, 401, 403, 412, 413, 415, 429}


class ApiView(APIView):
    """An endpoint. ``scopes`` has the ApiKey.Scope that each method needs; None is any live key.

    Each method declares its contract; ``self.parameters`` has what the address says, checked by it.
    """

    scopes = {}
    tag = ""  # its heading in OpenAPI, one of openapi.document.TAGS
    is_personal = False  # whether its answers are about patients, and must not be cached
    once_with_a_key = ("POST", "PATCH")  # the methods of which an Idempotency-Key makes one request of many
    never_stored = NEVER_STORED

    def dispatch(self, request, *args, **kwargs):
        """Answer a request: the endpoint's method, or the problem that it raises."""
        self.request, self.args, self.kwargs, self.usage = request, args, kwargs, None
        self.method = "GET" if request.method == "HEAD" else request.method
        try:
            self.check_request(request)
            if self.method not in self.scopes:
                raise exceptions.MethodNotAllowed(request.method)
            handler = getattr(self, self.method.lower())
            self.contract = get_operation(self, self.method)
            self.parameters = self.valid(self.contract.query(data=request.GET, context={"key": self.key}))
            response = self.answer_once(handler)
        except Exception as error:  # noqa: BLE001 (any failure is answered; what is unexpected is logged)
            response = self.refuse(error)
        if self.is_personal:
            response["Cache-Control"] = "no-store"
        for name, value in (self.usage.headers if self.usage else {}).items():
            response[name] = value
        return response

    def check_request(self, request):
        """Find the key and check all that does not depend on the endpoint's own input."""
        try:
            self.key = request.api_key = find_key(self.shown_key())
        except InvalidKey:
            self.count_address(request)
            raise
        if self.key.is_publishable:
            self.count_address(request)
        if self.key.is_publishable and get_origin(request) not in self.key.allowed_origins:
            raise ForeignOrigin
        self.count_key(request)
        scope = self.scopes.get(self.method)
        if scope and not self.key.may(scope):
            raise MissingScope(scope)
        if request.headers.get("Accept") and not any(reads_json(accepted) for accepted in request.accepted_types):
            raise exceptions.NotAcceptable

    def shown_key(self):
        """Return the key that the request shows, in plain text, or raise InvalidKey."""
        scheme, _, plain = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not plain:
            raise InvalidKey
        return plain.strip()

    def count_address(self, request):
        """Count a request of its address: a visitor's, or one without a key. A server has its key's limit instead."""
        self.spend("address", get_network(request), ADDRESS_LIMIT)

    def count_key(self, request):
        """Count a request of the key; of a publishable one each network's, so that nobody uses it up for others."""
        limit, whose = self.key.requests_per_minute, str(self.key.holder)
        if self.key.is_publishable:
            usage = self.spend("key", f"{whose} {get_network(request)}", limit)
            self.spend("site", whose, limit * NETWORKS)
        else:
            usage = self.spend("key", whose, limit)
        self.usage = usage

    def spend(self, policy, whose, limit):
        usage = counter().count(policy, whose, limit)
        if usage and usage.is_over:
            self.usage = usage
            raise Throttled(usage.resets_in)
        return usage

    @property
    def caller(self):
        """Whose Idempotency-Keys a request has: its key's holder's, of a publishable key each visitor's own."""
        holder = self.key.holder
        return uuid5(holder, get_visitor_id(self.request)) if self.key.is_publishable else holder

    def answer_once(self, handler):
        """Call the endpoint; with an Idempotency-Key, once for all requests with that key."""
        request = self.request
        if self.idempotency_key is None or request.method not in self.once_with_a_key:
            return handler(request, **self.kwargs)
        try:
            stored = idempotency.run_once(lambda: self.effect(handler), **self.stored_under())
        except idempotency.NotStored as undone:
            return undone.answer
        return self.write_stored(*stored)

    def find_stored_answer(self):
        """Return the answer of an earlier request with the same Idempotency-Key, or None."""
        answer = self.idempotency_key and idempotency.find_answer(**self.stored_under())
        return self.write_stored(answer, is_replay=True) if answer else None

    def stored_under(self):
        """Return what tells a request with an Idempotency-Key from others."""
        return {
            "holder": self.caller,
            "route": f"{self.request.method} {self.request.path}",
            "idempotency_key": self.idempotency_key,
            "request_hash": hashlib.sha256(self.raw_body()).digest(),
        }

    def write_stored(self, answer, is_replay):
        status, body, headers = answer
        response = HttpResponse(body, status=status, headers=headers)
        if is_replay:
            response["Idempotent-Replayed"] = "true"
        return response

    @property
    def idempotency_key(self):
        """The request's Idempotency-Key, or None; raises ValidationError."""
        name = self.request.headers.get("Idempotency-Key")
        if name is None or (1 <= len(name) <= 255 and name.isascii() and name.isprintable()):
            return name
        raise exceptions.ValidationError({"Idempotency-Key": "Use 1 to 255 printable ASCII characters."})

    def effect(self, handler):
        try:
            response = handler(self.request, **self.kwargs)
        except Exception as error:  # noqa: BLE001 (as in dispatch)
            response = self.refuse(error)
        if response.status_code in self.never_stored or response.status_code >= 500:
            raise idempotency.NotStored(response)
        return response.status_code, response.content, dict(response.headers)

    def refuse(self, error):
        """Return the problem that an exception is; what nobody expected is logged."""
        problem = known(error)
        if isinstance(problem, InternalError):
            logger.error("unexpected error", exc_info=error)
        response = self.write_problem(self.request, problem)
        if isinstance(problem, exceptions.MethodNotAllowed):
            response["Allow"] = ", ".join([*self.scopes, *["HEAD"] * ("GET" in self.scopes)])
        return response

    def write_problem(self, request, problem):
        """Return the answer to a request that is refused with an exception of problems.PROBLEMS."""
        return problem_response(request, problem)

    def raw_body(self):
        if "Transfer-Encoding" in self.request.headers and not self.request.headers.get("Content-Length"):
            raise LengthRequired  # Django would read it as empty
        try:
            return self.request.body
        except RequestDataTooBig as error:
            raise RequestTooLarge from error

    def body(self, *, instance=None, partial=False, **context):
        """Return the JSON body's fields, validated by the form of the contract; an empty body has none."""
        raw = self.raw_body()
        if raw and self.request.content_type != "application/json":
            raise exceptions.UnsupportedMediaType(self.request.content_type)
        data = read_json(raw) if raw else {}
        return self.valid(
            self.contract.body(data=data, instance=instance, partial=partial, context={"key": self.key, **context})
        )

    def valid(self, form):
        form.is_valid(raise_exception=True)
        return form.validated_data

    def answer(self, data, status=200, headers=None, **meta):
        """Return the JSON answer ``{"data": …, "meta": …}``."""
        body = orjson.dumps({"data": data, "meta": {"request_id": self.request.id, **meta}})
        return HttpResponse(body, status=status, content_type="application/json", headers=headers)

    def answer_hold(self, hold, status=200, **headers):
        return self.answer(write_hold(hold), status, {"ETag": etag(hold), **headers})

    def answer_appointment(self, appointment, status=200, *, hides_attendee=False, **headers):
        [written] = write_appointments([appointment], self.key)
        if hides_attendee:
            written |= dict.fromkeys(OF_ATTENDEE, "")
        return self.answer(written, status, {"ETag": etag(appointment), **headers})

    def expected_version(self, thing):
        """Return the ``updated_at`` that If-Match asks for, or None without it; raises ChangedMeanwhile."""
        wanted = self.request.headers.get("If-Match", "*")
        if wanted == "*":
            return None
        if etag(thing) not in [tag.strip() for tag in wanted.split(",")]:
            raise ChangedMeanwhile
        return thing.updated_at


class NotHere(ApiView):
    """Any other address below /api/."""

    schema = None  # not an endpoint that OpenAPI tells of

    def check_request(self, request):
        if "Authorization" in request.headers:
            super().check_request(request)  # so that a page on the key's sites may read the answer
        raise exceptions.NotFound


def reads_json(accepted):
    """Return whether an entry of the Accept header is for JSON, whatever its parameters."""
    return accepted.main_type in ("*", "application") and accepted.sub_type in ("*", "json")


def etag(thing):
    """Return the version of a hold, appointment or patient as an ETag."""
    return f'"{thing.updated_at.timestamp():.6f}"'
