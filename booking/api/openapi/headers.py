"""The headers of requests and answers, as OpenAPI says them."""


def header(description, *, required=False, **schema):
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Any text of your own, such as a UUID. The same request sent again with it within 24 hours does "
    "nothing again, and gets the same answer. Answers with 400, 401, 403, 412, 413, 415, 429 or 5xx are not "
    "stored, and with a publishable key no refusal. Each network of a site's visitors has its own.",
    # Printable ASCII; a space at either end would not survive the way.
    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag that was read. If it has been changed since, nothing happens and the answer is 412.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of what was read before. If it would be the same again, the answer is 304 without a body.",
    "schema": {"type": "string"},
}

HEADERS = {
    "X-Request-Id": header(
        "The request's id, also in the logs: the one it came with (8 to 64 letters, digits, - or _), or a new one.",
        required=True,
    ),
    "RateLimit-Policy": header(
        'How many requests the key has in a minute, a publishable one from each network: `"key";q=600;w=60`. At 429 it '
        'may be of all with that key (`"site"`), or of the network (`"address"`).'
    ),
    "RateLimit": header('How many are left, and in how many seconds they are renewed: `"key";r=598;t=42`.'),
    "ETag": header("The version, for If-Match and If-None-Match.", required=True),
    "Location": header("Of something new: where it can be read, if the key may read it there.", format="uri"),
    "Idempotent-Replayed": header(
        "`true` when this is the stored answer to an earlier request, whose `meta.request_id` it has.", const="true"
    ),
    "Cache-Control": header("No cache may keep it.", required=True, const="no-store"),
    "Deprecation": header("Since when what was asked for is deprecated, RFC 9745: `@1798761600`."),
    "Sunset": header("From when on it is gone, RFC 8594."),
    "Link": header('Of something deprecated: `<…>; rel="deprecation"`, where to read what to use instead.'),
    "Retry-After": header("Seconds to wait.", required=True, type="integer", minimum=0),
    "WWW-Authenticate": header("How to authenticate.", required=True),
}


def reference(*names):
    """Return headers by their names, each as it is in the document's components."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def request_headers(method, operation):
    """Return the header parameters of an operation."""
    headers = [IDEMPOTENCY_KEY] if method in ("POST", "PATCH") else []
    if operation.supports_if_match:
        headers.append(IF_MATCH)
    return headers + ([IF_NONE_MATCH] if method == "GET" and operation.has_etag else [])


def answer_headers(method, operation, *, is_personal):
    """Return the headers of an operation's answers, other than problems."""
    names = ["X-Request-Id", "RateLimit-Policy", "RateLimit"]
    if operation.has_etag:
        names.append("ETag")
    if operation.has_location:
        names.append("Location")
    if method in ("POST", "PATCH"):
        names.append("Idempotent-Replayed")
    if is_personal:
        names.append("Cache-Control")
    if operation.deprecation or operation.deprecated_members:
        names += ["Deprecation", "Sunset", "Link"]
    return reference(*names)


def problem_headers(status, codes):
    """Return the headers of a problem; ``codes`` are those that can have this status."""
    names = ["X-Request-Id", "Cache-Control"]
    if status == 401:
        names.append("WWW-Authenticate")
    if status == 429:
        names += ["RateLimit-Policy", "RateLimit"]
    if status in (429, 503) or codes == ["idempotency-key-in-flight"]:
        names.append("Retry-After")
    return reference(*names)
