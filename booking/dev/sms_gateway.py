"""A stand-in for a gateway of text messages: Twilio's API for messages, and a plain one, to try ours out with.

It keeps what it was sent in memory, and answers as ``status`` and ``code`` say.
"""

import base64
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


class StandInGateway(ThreadingHTTPServer):
    """The server at ``url`` for the time of a with block. ``texts`` has what it took, as pairs of headers and fields.

    A ``status`` other than 201 refuses everything, with Twilio's error ``code``.
    """

    daemon_threads = True

    def __init__(self, *, port=0):
        super().__init__(("127.0.0.1", port), Requests)
        self.netloc = "{}:{}".format(*self.server_address)
        self.url = f"http://{self.netloc}"
        self.texts, self.asked, self.status, self.code = [], 0, 201, 0

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Take a text: of /2010-04-01/Accounts/…/Messages.json as a form, of any other address as it comes."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        is_form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
        fields = dict(parse_qsl(body)) if is_form else json.loads(body)
        self.server.asked += 1
        if self.server.status != 201:
            return self.answer({"code": self.server.code, "message": f"The number {fields} is no good.", "status": 0})
        self.server.texts.append((dict(self.headers), fields))
        number = len(self.server.texts)
        name = "sid" if self.path.endswith("/Messages.json") else "id"
        return self.answer({name: f"SM{number:032}", "status": "queued"})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing: there are numbers in it."""


def read_basic_auth(headers):
    """Return the username and password of a request."""
    name, _, password = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
    return name, password


def main():
    """Run the stand-in until Ctrl-C, and say where it is."""
    with StandInGateway(port=8025) as server:
        print(f"{server.url} takes text messages. PRIVATE_HOSTS={server.netloc} lets Holdfast reach it.")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
