"""Where a provider's system says by itself what it has decided. Its signature is its authority: it has no key."""

from django.http import Http404
from django.utils import timezone
from rest_framework import serializers

from booking.access import signatures
from booking.api.fields import Choice, Text
from booking.api.operation import operation
from booking.api.serializers import Input
from booking.api.views import ApiView
from booking.domain.approval_sync import DECISIONS, apply_decision
from booking.models import Appointment, Provider


class AnswerInput(Input):
    """What a provider says of an appointment."""

    ways = [("appointment_id", "status")]

    appointment_id = serializers.UUIDField()
    status = Choice(DECISIONS)
    provider_id = Text(max_length=100, required=False, allow_blank=True)
    version = serializers.IntegerField(min_value=0, max_value=2**31, required=False, allow_null=True)


class ProviderAnswers(ApiView):
    """Take an answer of a provider. One that is repeated, late or in the wrong order changes nothing."""

    schema = None  # told of in docs/providers.md
    scopes = {"POST": None}
    once_with_a_key = ()

    def check_request(self, request):
        """Check that the provider named in the address has signed the body; who cannot sign learns nothing."""
        self.key = None
        provider = Provider.objects.filter(pk=self.kwargs["id"]).first()
        try:
            if provider is None or not provider.secret:
                raise signatures.BadSignature
            signatures.verify(provider.secret, request.headers, self.raw_body(), timezone.now())
        except signatures.BadSignature:
            self.count_address(request)
            raise
        self.provider = provider

    @operation(body=AnswerInput)
    def post(self, request, id):
        fields = self.body()
        appointments = Appointment.objects.select_related("service", "location", "provider")
        appointment = appointments.filter(pk=fields["appointment_id"], provider=self.provider).first()
        if appointment is None:
            raise Http404
        apply_decision(
            appointment, fields["status"], reference=fields.get("provider_id", ""), version=fields.get("version")
        )
        return self.answer({"appointment_id": appointment.pk, "status": appointment.status})
