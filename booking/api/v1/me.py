"""The key's own name, scopes and limits."""

from rest_framework import serializers

from booking.api.fields import Moment
from booking.api.operation import operation
from booking.api.views import ApiView
from booking.models import ApiKey


class KeyOutput(serializers.ModelSerializer):
    """An API key: what it may do, from which sites, and how often; never the key itself."""

    most_live_holds = serializers.IntegerField(source="max_live_holds", allow_null=True)
    expires_at = Moment(allow_null=True)

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "kind",
            "scopes",
            "allowed_origins",
            "requests_per_minute",
            "most_live_holds",
            "expires_at",
        ]


class Me(ApiView):
    """What the key that asks may do."""

    tag = "Me"
    scopes = {"GET": None}

    @operation(output=KeyOutput)
    def get(self, request):
        return self.answer(KeyOutput(self.key).data)
