"""Real servers as other systems may run them: well behaved, slow, endless, broken."""

import socket
import threading
from contextlib import suppress
from http.client import parse_headers
from threading import Event, Thread


class Receiver:
    """A server at ``url`` for the time of a with block; ``behave`` handles each connection.

    ``behave(receiver, sock, request)`` speaks, ``request`` being (method, path, headers, body), which
    ``requests`` keeps; without ``reads`` nothing is read. ``ended`` is set when the block ends.
    """

    def __init__(self, behave, *, tls=None, reads=True):
        self.behave, self.tls, self.reads = behave, tls, reads
        self.requests, self.connections, self.sent, self.ended = [], 0, 0, Event()
        self.threads = []

    def __enter__(self):
        self.listening = [listen("127.0.0.1", 0)]
        self.port = self.listening[0].getsockname()[1]
        with suppress(OSError):  # no IPv6 here
            self.listening.append(listen("::1", self.port))
        self.netloc = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.netloc}/"
        for sock in self.listening:
            self.start(self.accept, sock)
        return self

    def __exit__(self, *error):
        self.ended.set()
        for sock in self.listening:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # ends the accept that waits
            sock.close()
        for thread in self.threads:
            thread.join(10)

    def start(self, do, *arguments):
        thread = Thread(target=do, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self, listening):
        while not self.ended.is_set():
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            self.start(self.serve, sock)

    def serve(self, sock):
        with suppress(OSError), sock:
            sock.settimeout(10)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with suppress(ValueError):
                request = read_request(sock) if self.reads else None
                if request:
                    self.requests.append(request)
                self.behave(self, sock, request)
            with suppress(OSError):
                sock.close()

    def say(self, sock, data):
        sock.sendall(data)
        self.sent += len(data)


def listen(ip, port):
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((ip, port))
    sock.listen(128)
    return sock


def read_request(sock):
    with sock.makefile("rb") as file:
        method, path, _ = file.readline().decode("latin-1").split(" ")
        headers = parse_headers(file)
        return method, path, headers, file.read(int(headers.get("Content-Length") or 0))


def answer(status, *, after=0, body=b"ok", **headers):
    """Return a behaviour that answers every request alike, ``after`` seconds; ``_`` in a header's name is a hyphen."""

    def behave(receiver, sock, request):
        receiver.ended.wait(after)
        lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        receiver.say(sock, "\r\n".join([*lines, "", ""]).encode() + body)

    return behave


def in_turn(*behaviours):
    """Return a behaviour that uses one behaviour per connection, and the last for all further ones."""
    lock, rest = threading.Lock(), list(behaviours)

    def behave(receiver, sock, request):
        with lock:
            now = rest.pop(0) if len(rest) > 1 else rest[0]
        now(receiver, sock, request)

    return behave


def drip(first, again, *, every=0, times=None):
    """Send the ``first`` parts, then ``again`` until the client hangs up; None hangs up."""

    def behave(receiver, sock, request):
        for part in first:
            receiver.say(sock, part)
        while again is not None and times != 0 and not receiver.ended.wait(every):
            receiver.say(sock, again) if again else sock.getpeername()
            if times and receiver.sent >= times * len(again):
                return

    return behave


def reset(receiver, sock, request):
    """Reset the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def hang(receiver, sock, request):
    """Send nothing until the block ends."""
    receiver.ended.wait(60)
