"""HTTP requests to addresses that somebody has typed in: to public ones only, bounded in time and in size."""

import base64
import io
import socket
import ssl
import time
from functools import cache
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import NamedTuple

from django.utils.datastructures import CaseInsensitiveMapping

from scheduling.lib.addresses import NotPublic, Target, Unreachable, resolve

__all__ = ["Answer", "NotPublic", "Target", "Unreachable", "basic_auth", "resolve", "send"]


class Answer(NamedTuple):
    """``body`` has at most as many bytes as were asked for; ``is_cut`` says that there were more, if any were.

    ``headers`` finds a name in any case.
    """

    status: int
    headers: CaseInsensitiveMapping
    body: bytes
    is_cut: bool


def send(method, url, *, body=None, headers=None, timeout=15.0, limit=64_000):
    """Send one request and return its Answer, whatever its status; redirects are not followed.

    It takes ``timeout`` seconds at most, however slowly the other side speaks, and reads ``limit`` bytes of its
    answer: with 0, not one is waited for. Raises NotPublic, before anything is connected to, or Unreachable.
    """
    deadline = time.monotonic() + timeout
    target = resolve(url, timeout=timeout)
    try:
        with _connect(target, deadline) as sock:
            exchange = HTTPConnection(target.host, target.port)
            exchange.sock = line = _Line(sock, deadline)
            exchange.request(
                method,
                target.path,
                body,
                {
                    "Host": target.netloc,
                    "User-Agent": "Holdfast",
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                    **(headers or {}),
                },
            )
            response = exchange.getresponse()
            if line.has_ended:  # among the headers, which http.client takes for their end
                raise IncompleteRead(b"")
            content = _read(response, limit + 1) if limit else b""
            return Answer(
                response.status, CaseInsensitiveMapping(response.getheaders()), content[:limit], len(content) > limit
            )
    except TimeoutError as error:
        raise Unreachable("no answer in time") from error
    except (HTTPException, OSError, ValueError) as error:
        raise Unreachable(type(error).__name__) from error


def basic_auth(username, password):
    """Return the header that gives a name and password, as a dict for ``send``."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _connect(target, deadline):
    """Return a socket, with TLS where it is to be, to the first of the target's addresses that answers."""
    *others, last = target.ips
    for number, ip in enumerate(others):
        try:
            return _connect_to(ip, target, deadline, timeout=_left(deadline) / (len(target.ips) - number))
        except ssl.SSLError:
            raise  # it answers, but is somebody else
        except OSError:
            continue
    return _connect_to(last, target, deadline, timeout=_left(deadline))


def _connect_to(ip, target, deadline, *, timeout):
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        sock.settimeout(timeout)
        sock.connect((ip, target.port))  # a number, so nothing is looked up again
        if target.scheme == "https":
            sock.settimeout(_left(deadline))  # for the whole handshake
            # The certificate must be the name's, wherever it has led.
            sock = _tls().wrap_socket(sock, server_hostname=target.host)
        return sock
    except BaseException:
        sock.close()
        raise


@cache  # reading the system's certificates takes longer than a request
def _tls():
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read(response, limit):
    """Return the first ``limit`` bytes of the body, or raise IncompleteRead if it breaks off before its end."""
    # Into a buffer: read(n) believes the other side when it says that a chunk has -1 bytes, and reads on and on.
    buffer = memoryview(bytearray(limit))
    filled = 0
    while filled < limit and (got := response.readinto(buffer[filled:])):
        filled += got
    if filled < limit and response.length:
        raise IncompleteRead(b"")
    return bytes(buffer[:filled])


def _left(deadline):
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Line:
    """A socket as http.client uses one. Its own timeout starts anew with each byte; this one's does not."""

    def __init__(self, sock, deadline):
        self.sock, self.deadline, self.has_ended = sock, deadline, False

    def sendall(self, data):
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(_left(self.deadline))
            rest = rest[self.sock.send(rest) :]

    def makefile(self, mode):
        return io.BufferedReader(_Incoming(self))

    def close(self):
        """Leave it open: http.client closes while there is still something to read."""


class _Incoming(io.RawIOBase):
    def __init__(self, line):
        self.line = line

    def readable(self):
        return True

    def readinto(self, buffer):
        self.line.sock.settimeout(_left(self.line.deadline))
        got = self.line.sock.recv_into(buffer)
        self.line.has_ended = not got
        return got
