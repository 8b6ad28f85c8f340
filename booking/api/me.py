"""The key's own name, scopes and limits."""

from rest_framework import serializers

from ..models import ApiKey
from .base import ApiView
from .contract import contract
from .fields import Moment


class KeyOutput(serializers.ModelSerializer):
    """An API key: what it may do, from which sites, and how often; never the key itself."""

    most_live_holds = serializers.IntegerField(allow_null=True)
    expires_at = Moment(allow_null=True)

    class Meta:
        model = ApiKey
        fields = [
            "id", "name", "kind", "scopes", "allowed_origins", "requests_per_minute", "most_live_holds", "expires_at",
        ]


class Me(ApiView):
    """What the key that asks may do."""

    tag = "Me"
    scopes = {"GET": None}

    @contract(output=KeyOutput)
    def get(self, request):
        return self.answer(KeyOutput(self.key).data)
