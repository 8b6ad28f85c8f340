"""The key's own name, scopes and limits."""

from .base import ApiView


class Me(ApiView):
    """What the key that asks may do."""

    scopes = {"GET": None}

    def get(self, request):
        key = self.key
        return self.answer(
            {
                "id": key.pk,
                "name": key.name,
                "kind": key.kind,
                "scopes": key.scopes,
                "allowed_origins": key.allowed_origins,
                "requests_per_minute": key.requests_per_minute,
                "most_live_holds": key.most_live_holds,
                "expires_at": key.expires_at,
            }
        )
