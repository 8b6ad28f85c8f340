"""nginx with the configuration of compose.yaml, in front of the web server."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPSConnection

import pytest

from booking.dev.redis import free_port
from booking.dev.servers import BASE_DIR
from tests.failures.test_slow_clients import CLIENTS, server  # noqa: F401
from tests.waiting import assert_time_limit, wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TOKEN = "a-token-that-opens-the-hold"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class Proxy:
    def __init__(self, folder, upstream, **changes):
        self.folder, self.http, self.https = folder, free_port(), free_port()
        for line in ("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost",):
            files = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
            subprocess.run(["openssl", *line.split(), *files], check=True, capture_output=True)
        replaced = {
            "/tmp/": f"{folder}/",
            "/certificates/": f"{folder}/",
            "/challenges": str(folder),
            "/dev/stdout": f"{folder}/access.log",
            "error_log stderr": f"error_log {folder}/error.log",
            "listen 8080": f"listen 127.0.0.1:{self.http}",
            "web:8000": f"127.0.0.1:{upstream}",
            **changes,
        }
        text = (BASE_DIR / "nginx.conf").read_text()
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        listen = f"listen 127.0.0.1:{self.https} ssl"
        if get_version() < (1, 25, 1):  # Debian 12
            text = text.replace("http2 on;", "").replace("listen 8443 ssl", f"{listen} http2")
        text = text.replace("listen 8443 ssl", listen)
        (folder / "nginx.conf").write_text(text)
        self.process = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-g", "daemon off;"])

    def ask(self, method, path, body=None, headers=None, timeout=30):
        context = ssl.create_default_context(cafile=self.folder / "fullchain.pem")
        connection = HTTPSConnection("localhost", self.https, timeout=timeout, context=context)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def answers(self):
        try:
            return self.ask("GET", "/healthz/live")[0] == 200
        except ConnectionError:
            return False

    def read_log(self, name="access.log"):
        return (self.folder / name).read_text()


def get_version():
    told = subprocess.run([NGINX, "-v"], check=True, capture_output=True, text=True).stderr
    return tuple(map(int, re.search(r"nginx/([0-9.]+)", told)[1].split(".")))


def start_proxy(stack, folder, server, **changes):  # noqa: F811
    """Start a Proxy that ends with ``stack``, and return it when it answers."""
    proxy = Proxy(folder, server, **changes)
    stack.callback(proxy.process.wait)
    stack.callback(proxy.process.terminate)
    wait_until(proxy.answers)
    return proxy


@pytest.fixture(scope="module")
def proxy(server, tmp_path_factory):  # noqa: F811
    """nginx in front of a web server, with a certificate of its own."""
    with ExitStack() as stack:
        yield start_proxy(stack, tmp_path_factory.mktemp("nginx"), server)


def connect(stack, proxy, sent):
    context = ssl.create_default_context(cafile=proxy.folder / "fullchain.pem")
    plain = stack.enter_context(socket.create_connection(("127.0.0.1", proxy.https), timeout=30))
    client = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
    client.sendall(sent)
    return client


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half:",
        b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\na=",
    ],
    ids=["half-sent headers", "slow bodies"],
)
def test_slow_clients_leave_the_proxy_to_others(proxy, sent):
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            connect(stack, proxy, sent)
        started = time.monotonic()
        assert proxy.ask("GET", "/healthz/live")[0] == 200
        assert time.monotonic() - started < 3


def test_large_body_is_413_before_it_is_sent(proxy):
    with ExitStack() as stack, assert_time_limit(2):
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n\r\n"
        assert connect(stack, proxy, head).recv(4096).startswith(b"HTTP/1.1 413 ")


def test_neither_tokens_nor_query_strings_are_in_the_log(proxy):
    proxy.ask("GET", f"/hold/{TOKEN}/?proof={TOKEN}")
    proxy.ask("GET", f"/appointment/{TOKEN}/cancel")
    proxy.ask("GET", f"/api/v1/patients?search={TOKEN}")
    proxy.ask("POST", f"/hold/{TOKEN}/confirm", b"x" * 2_000_000)

    wait_until(lambda: proxy.read_log().count(" /hold ") >= 2)
    assert "GET /appointment " in proxy.read_log() and "GET /api " in proxy.read_log()
    assert TOKEN not in proxy.read_log() + proxy.read_log("error.log")
    assert "127.0.0.1" not in proxy.read_log()


def test_more_in_flight_than_the_web_server_reads_are_503_at_once_and_staff_pass(server, tmp_path):  # noqa: F811
    with ExitStack() as stack:
        proxy = start_proxy(stack, tmp_path, server, **{"conn in_flight 1500": "conn in_flight 1"})
        connect(stack, proxy, b"POST /book/x/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\na=")
        wait_until(lambda: proxy.ask("GET", "/problems/")[0] == 503)

        status, headers, page = proxy.ask("GET", "/problems/")
        assert (status, headers["Retry-After"], headers["Refresh"]) == (503, "5", "5")
        assert b"tries again by itself" in page
        status, headers, body = proxy.ask("POST", "/api/v1/holds", b"{}")
        assert (status, headers["Content-Type"], headers["Refresh"]) == (503, "application/problem+json", None)
        assert json.loads(body)["code"] == "busy"
        assert proxy.ask("GET", "/admin/booking/")[0] == 302  # to the sign-in


def test_one_address_asks_for_no_more_of_staffs_pages_than_a_clinic_does(server, tmp_path):  # noqa: F811
    with ExitStack() as stack:
        proxy = start_proxy(stack, tmp_path, server, **{"conn staff_of_address 100": "conn staff_of_address 1"})
        connect(stack, proxy, b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\na=")
        wait_until(lambda: proxy.ask("GET", "/admin/booking/")[0] == 503)

        assert proxy.ask("GET", "/admin/login/")[1]["Retry-After"] == "5"
        assert proxy.ask("GET", "/healthz/live")[0] == 200
        assert proxy.ask("GET", "/problems/")[0] == 200


def test_http_is_sent_to_https(proxy):
    connection = HTTPConnection("127.0.0.1", proxy.http, timeout=30)
    connection.request("GET", "/book/x/?day=1", headers={"Host": "booking.clinic.example"})
    response = connection.getresponse()

    assert (response.status, response.headers["Location"]) == (308, "https://booking.clinic.example/book/x/?day=1")


def test_what_a_client_says_of_itself_is_replaced():
    text = (BASE_DIR / "nginx.conf").read_text()

    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in text


def test_request_line_may_have_8190_bytes(proxy):
    path = "/healthz/live?" + "x" * (8190 - len("GET /healthz/live? HTTP/1.1"))
    assert proxy.ask("GET", path)[0] == 200
