"""The demo's API keys: one for a server, one for pages on the demo's own site."""

from django.db import connection

from booking.access.api_keys import create_key
from booking.access.tokens import hash_token
from booking.models import ApiKey


def keep_api_key(kind, *, path, write, origins=()):
    """Return the API key stored at ``path``, or create one for ``origins`` if this database does not know it."""
    plain = path.read_text() if path.exists() else ""
    key = ApiKey.objects.filter(key_hash=hash_token(plain)).first()
    scopes = ApiKey.Scope.values if kind == ApiKey.Kind.SECRET else ApiKey.PUBLIC_SCOPES
    if key is None:
        key, plain = create_key(name=f"demo, {kind}", kind=kind, scopes=scopes, allowed_origins=list(origins))
        write(path, plain)
    elif not (set(origins) <= set(key.allowed_origins) and set(scopes) <= set(key.scopes)):
        # An earlier run may have had another port or fewer scopes.
        key.allowed_origins, key.scopes = sorted({*key.allowed_origins, *origins}), list(scopes)
        key.save(update_fields=["allowed_origins", "scopes"])
    connection.close()
    return plain
