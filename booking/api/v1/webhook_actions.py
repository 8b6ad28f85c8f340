"""What can be done with a webhook endpoint: a new secret, a test, enabling, disabling, sending again."""

from datetime import timedelta

from rest_framework import serializers

from booking.api.fields import Moment
from booking.api.operation import operation
from booking.api.serializers import Input
from booking.api.v1.deliveries import DeliveryOutput
from booking.api.v1.webhooks import MANAGE, EndpointView, NewSecretOutput, ShowingSecret
from booking.integrations.webhooks import endpoints
from booking.integrations.webhooks.endpoints import EndpointDisabled


class RotateInput(Input):
    """For how long deliveries are signed with the old secret too; 0 for one that got about."""

    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=int(endpoints.MAX_OVERLAP.total_seconds()),
        default=int(endpoints.OVERLAP.total_seconds()),
    )


class WebhookEndpointRotateSecret(ShowingSecret):
    """Give an endpoint a new secret, which is in this answer and in no other."""

    scopes = {"POST": MANAGE}

    @operation(name="rotate_webhook_secret", body=RotateInput, output=NewSecretOutput)
    def post(self, request, id):
        endpoint = self.endpoint(id)
        endpoints.rotate_secret(endpoint, overlap=timedelta(seconds=self.body()["overlap_seconds"]))
        return self.answer_endpoint(endpoint)


class WebhookEndpointTest(EndpointView):
    """Send an endpoint an event of the type ``webhook.test``, which tells of nothing."""

    scopes = {"POST": MANAGE}

    @operation(name="test_webhook_endpoint", output=DeliveryOutput, status=[202], refusals=[EndpointDisabled])
    def post(self, request, id):
        self.body()
        return self.answer(DeliveryOutput(endpoints.send_test(self.endpoint(id))).data, 202)


class WebhookEndpointSwitch(EndpointView):
    """Enable or disable an endpoint."""

    scopes = {"POST": MANAGE}
    verb = None

    @operation()
    def post(self, request, id):
        self.body()
        endpoint = self.endpoint(id)
        self.verb(endpoint)
        return self.answer_endpoint(endpoint)


class WebhookEndpointEnable(WebhookEndpointSwitch):
    """Send to a disabled endpoint again what happens from now on."""

    verb = staticmethod(endpoints.enable)


class WebhookEndpointDisable(WebhookEndpointSwitch):
    """Send nothing to an endpoint from now on; what waits for it fails."""

    verb = staticmethod(endpoints.disable)


class RedeliverInput(Input):
    """From when on."""

    since = Moment()


class RedeliveredOutput(serializers.Serializer):
    """How many deliveries are on their way again."""

    deliveries = serializers.IntegerField()


class WebhookEndpointRedeliver(EndpointView):
    """Send all again that was recorded since a time and has failed."""

    scopes = {"POST": MANAGE}

    @operation(
        name="redeliver_failed",
        body=RedeliverInput,
        output=RedeliveredOutput,
        status=[202],
        refusals=[EndpointDisabled],
    )
    def post(self, request, id):
        since = self.body()["since"]
        return self.answer({"deliveries": endpoints.redeliver_failed(self.endpoint(id), since=since)}, 202)
