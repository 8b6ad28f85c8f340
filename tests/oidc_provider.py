"""A sign-in service of a clinic, for tests: OpenID Connect's code flow with PKCE, over real HTTP."""

import json
import secrets
import time
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

CLIENT = {"client_id": "holdfast", "secret": "between the two of us, and long enough"}


class Provider(ThreadingHTTPServer):
    """Signs in whoever ``person`` is at the moment, as claims."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.person = {}
        self.codes = {}  # and what each was asked for with

    def get_configuration(self):
        """Return what its discovery page says."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def exchange(self, form):
        """Return the tokens for a code, or None unless the client is the one that the code was made for."""
        asked = self.codes.pop(form.get("code"), None)
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if not asked or asked["code_challenge"] != challenge or form.get("client_secret") != CLIENT["secret"]:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT["client_id"], "iat": now, "exp": now + 60, **self.person}
        token = jwt.encode(claims, CLIENT["secret"], algorithm="HS256")
        return {"access_token": "access", "token_type": "Bearer", "id_token": token}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/.well-known/openid-configuration":
            self.answer(self.server.get_configuration())
        elif address.path == "/userinfo":
            self.answer(self.server.person)
        elif address.path == "/authorize":
            code = secrets.token_urlsafe()
            self.server.codes[code] = query
            self.send_response(302)
            back = urlencode({"code": code, "state": query["state"]})
            self.send_header("Location", f"{query['redirect_uri']}?{back}")
            self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        tokens = self.server.exchange({name: values[0] for name, values in parse_qs(body).items()})
        self.answer(tokens or {"error": "invalid_grant"}, 200 if tokens else 400)

    def answer(self, content, status=200):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *arguments):
        """Say nothing."""


@contextmanager
def run_provider():
    """Yield a Provider that answers."""
    with Provider() as provider:
        thread = Thread(target=provider.serve_forever)
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()
