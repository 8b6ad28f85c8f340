"""Where a provider's system says by itself what it has decided. Its signature is its authority: it has no key."""

from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from booking.access import signatures
from booking.api.authentication import CHALLENGE
from booking.api.fields import Choice, Text
from booking.api.negotiation import IgnoreAccept
from booking.api.operation import operation
from booking.api.serializers import Input, Way
from booking.api.throttles import AddressThrottle
from booking.api.views import ApiView
from booking.domain.approval_sync import DECISIONS, apply_decision
from booking.models import Appointment, Provider


class ProviderAuthentication(BaseAuthentication):
    """Authenticate the provider named in the address by its signature of the body: ``request.auth`` is a Provider.

    Who cannot sign learns nothing.
    """

    def authenticate(self, request):
        provider = Provider.objects.filter(pk=request.resolver_match.kwargs["id"]).first()
        try:
            if provider is None or not provider.secret:
                raise signatures.BadSignature
            signatures.verify(provider.secret, request.headers, request.body, timezone.now())
        except signatures.BadSignature as error:
            raise AuthenticationFailed from error
        return None, provider

    def authenticate_header(self, request):
        return CHALLENGE


class AnswerInput(Input):
    """What a provider says of an appointment."""

    ways = [Way("", ("appointment_id", "status"))]

    appointment_id = serializers.UUIDField()
    status = Choice(DECISIONS)
    provider_id = Text(max_length=100, required=False, allow_blank=True)
    version = serializers.IntegerField(min_value=0, max_value=2**31, required=False, allow_null=True)


class ProviderAnswers(ApiView):
    """Take an answer of a provider. One that is repeated, late or in the wrong order changes nothing."""

    schema = None  # told of in docs/providers.md
    authentication_classes = [ProviderAuthentication]
    throttle_classes = [AddressThrottle]
    permission_classes = []
    content_negotiation_class = IgnoreAccept
    scopes = {"POST": None}
    once_with_a_key = ()

    @operation(body=AnswerInput)
    def post(self, request, id):
        fields = self.body()
        appointments = Appointment.objects.select_related("service", "location", "provider")
        appointment = appointments.filter(pk=fields["appointment_id"], provider=request.auth).first()
        if appointment is None:
            raise Http404
        apply_decision(
            appointment, fields["status"], reference=fields.get("provider_id", ""), version=fields.get("version")
        )
        return self.answer({"appointment_id": appointment.pk, "status": appointment.status})
