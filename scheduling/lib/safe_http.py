"""HTTP requests to addresses that somebody typed in: public ones only, bounded in time and size."""

import base64
import io
import socket
import ssl
import time
from collections.abc import Mapping
from functools import cache
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import NamedTuple

from django.utils.datastructures import CaseInsensitiveMapping

from scheduling.lib.addresses import NotPublic, Target, Unreachable, resolve

__all__ = ["Answer", "NotPublic", "Target", "Unreachable", "basic_auth", "resolve", "send"]


class Answer(NamedTuple):
    """A response; ``is_cut`` says that the body was longer than the limit. ``headers`` ignores the case of names."""

    status: int
    headers: CaseInsensitiveMapping
    body: bytes
    is_cut: bool


def send(
    method: str,
    url: str,
    *,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 15.0,
    limit: int = 64_000,
) -> Answer:
    """Send one request and return its Answer, whatever its status. Does not follow redirects.

    Takes at most ``timeout`` seconds in all, however slowly the server sends. Reads at most ``limit`` bytes of the
    body; with 0 it does not wait for a body. Raises Unreachable, or NotPublic before it connects.
    """
    deadline = time.monotonic() + timeout
    target = resolve(url, timeout=timeout)
    try:
        with _connect(target, deadline) as sock:
            http = HTTPConnection(target.host, target.port)
            # A stand-in for a socket: http.client needs no more of one than _DeadlineSocket has.
            http.sock = stream = _DeadlineSocket(sock, deadline)  # pyright: ignore[reportAttributeAccessIssue]
            http.request(
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
            response = http.getresponse()
            if stream.has_ended:  # within the headers: http.client takes that for their end
                raise IncompleteRead(b"")
            content = _read(response, limit + 1) if limit else b""
            # A body that is encoded twice may have a header for each; of others the last counts.
            encodings = response.getheader("Content-Encoding") or ""
            answered = CaseInsensitiveMapping([*response.getheaders(), ("Content-Encoding", encodings)])
            return Answer(response.status, answered, content[:limit], len(content) > limit)
    except TimeoutError as error:
        raise Unreachable("no answer in time") from error
    except (HTTPException, OSError, ValueError) as error:
        raise Unreachable(type(error).__name__) from error


def basic_auth(username: str, password: str) -> dict[str, str]:
    """Return the Authorization header for a username and password, as ``headers`` for ``send``."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _connect(target, deadline):
    """Return a socket, with TLS for https, to the first IP address of the target that answers."""
    *others, last = target.ips
    for number, ip in enumerate(others):
        try:
            return _open_socket(ip, target, deadline, timeout=_remaining(deadline) / (len(target.ips) - number))
        except ssl.SSLError:
            raise  # it answered, but is another server
        except OSError:
            continue
    return _open_socket(last, target, deadline, timeout=_remaining(deadline))


def _open_socket(ip, target, deadline, *, timeout):
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        sock.settimeout(timeout)
        sock.connect((ip, target.port))  # an IP address: no second look-up
        if target.scheme == "https":
            sock.settimeout(_remaining(deadline))  # for the whole TLS handshake
            # The certificate must be valid for the name, not for the IP address.
            sock = _tls().wrap_socket(sock, server_hostname=target.host)
        return sock
    except BaseException:
        sock.close()
        raise


@cache  # loading the system's certificates takes longer than a request
def _tls():
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read(response, limit):
    """Return up to ``limit`` bytes of the body, or raise IncompleteRead if the connection breaks off before its end."""
    # readinto, not read(n): given a chunk size of -1, read(n) reads without end.
    buffer = memoryview(bytearray(limit))
    filled = 0
    while filled < limit and (got := response.readinto(buffer[filled:])):
        filled += got
    if filled < limit and response.length:
        raise IncompleteRead(b"")
    return bytes(buffer[:filled])


def _remaining(deadline):
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


class _DeadlineSocket:
    """As much of a socket as http.client uses, with one deadline. A socket's timeout restarts with every byte."""

    def __init__(self, sock, deadline):
        self.sock, self.deadline, self.has_ended = sock, deadline, False

    def sendall(self, data):
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(_remaining(self.deadline))
            rest = rest[self.sock.send(rest) :]

    def makefile(self, mode):
        return io.BufferedReader(_DeadlineReader(self))

    def close(self):
        """Keep the socket open: http.client closes it while the body is still unread."""


class _DeadlineReader(io.RawIOBase):
    def __init__(self, stream):
        self.stream = stream

    def readable(self):
        return True

    def readinto(self, buffer):
        self.stream.sock.settimeout(_remaining(self.stream.deadline))
        got = self.stream.sock.recv_into(buffer)
        self.stream.has_ended = not got
        return got
