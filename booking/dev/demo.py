"""`make demo`: a believable clinic on this machine, with everything production runs, until Ctrl-C."""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from queue import Empty

from booking.dev.processes import wait_until_ready
from booking.dev.programs import programs, stop_leftovers
from booking.dev.servers import BASE_DIR, FolderInUse, claim, servers, stop_leftover_servers

FOLDER = Path(os.environ.get("DEMO_FOLDER") or BASE_DIR / ".data" / "demo")
ENVIRONMENT = FOLDER / "environment.json"  # while it runs
PROGRAMS = FOLDER / "programs.json"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main():
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--reset", action="store_true", help="empty the clinic instead of running it")
    options = parser.parse_args()
    for number in SIGNALS:
        signal.signal(number, end)
    try:
        reset() if options.reset else run()
    except FolderInUse:
        sys.exit("The demo of this folder is running. Stop it first: Ctrl-C where it runs.")
    except KeyboardInterrupt:
        print("\nStopped.")


def end(number, frame):
    """End in good order at the first signal, and let no second one disturb that."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def reset():
    """Empty the clinic."""
    with claim(FOLDER):
        stop_leftovers(PROGRAMS)
        stop_leftover_servers(FOLDER)
        for path in FOLDER.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()
    print("The demo's clinic is gone. `make demo` makes a new one.")


def run():
    """Start everything, say where it is, and stop everything when asked to or when a part of it ends."""
    started = time.monotonic()
    print("Starting Holdfast ...", flush=True)
    with running_servers():
        prepare()
        with listening_socket() as listener:
            address = "http://{}:{}".format(*listener.getsockname())
            add_to_environment({"SITE_URL": address})
            with programs(record=PROGRAMS, listener=listener) as ended:
                wait_for_page(f"{address}/healthz/live", ended)
                introduce(address, seconds=time.monotonic() - started)
                sys.exit(f"{ended.get()} has ended, so everything ends.")


@contextmanager
def running_servers():
    """Run the demo's servers, with the settings for them in this process's environment."""
    with claim(FOLDER):
        stop_leftovers(PROGRAMS)
        with servers(FOLDER) as urls:
            set_environment(urls)
            try:
                yield
            finally:
                ENVIRONMENT.unlink()


def set_environment(urls):
    """Settings as in production, but over plain http and with mail in a folder."""
    settings = urls | {
        "DJANGO_SETTINGS_MODULE": "booking.settings",
        "SECRET_KEY": get_secret("secret-key", length=50),
        "ALLOWED_HOSTS": os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"),
        "SECURE_SSL_REDIRECT": "False",
        "SECURE_COOKIES": "False",
        "SECOND_FACTOR_GROUPS": os.environ.get("SECOND_FACTOR_GROUPS", "none"),
        "EMAIL_URL": f"filemail:///{FOLDER / 'mail'}",
        "DEFAULT_FROM_EMAIL": "Harbour Clinic <bookings@harbour.example>",
        "SMS_BACKEND": os.environ.get("SMS_BACKEND", "console"),
        "CLINIC_NAME": "Harbour Clinic",
        "TIME_ZONE": "Europe/London",
        "STATIC_ROOT": str(FOLDER / "static"),
    }
    write_private(ENVIRONMENT, "{}")
    add_to_environment(settings)


def add_to_environment(settings):
    """Set more of them, here and for `python -m booking.dev.manage`."""
    os.environ.update(settings)
    write_private(ENVIRONMENT, json.dumps(json.loads(ENVIRONMENT.read_text()) | settings))


def prepare():
    """Bring the database and the static files up to date; make a clinic where there is none."""
    import django

    django.setup()

    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections

    from booking.dev.clinic import create_clinic, create_staff
    from scheduling.models import Service

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if not Service.objects.exists():
        print("Making a clinic ...", flush=True)
        create_clinic()
    if not User.objects.filter(username="admin").exists():
        create_staff(get_secret("admin-password", length=9))
    connections.close_all()


@contextmanager
def listening_socket():
    """Yield a socket that listens on port 8000 (or PORT), or on the next free one."""
    wanted = int(os.environ.get("PORT") or 8000)
    for port in range(wanted, wanted + 100):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen()
            except OSError:
                continue
            if port != wanted:
                print(f"Port {wanted} is taken by another program: using {port}.", flush=True)
            yield listener
            return
    sys.exit(f"Port {wanted} is taken, and so are those after it.")


def wait_for_page(url, ended):
    """Return when the page answers; exit when one of the programs has ended instead."""

    def answers():
        # Neither HTTPException nor a bare TimeoutError, of an answer that begins and does not go on, is a URLError.
        with suppress(OSError, HTTPException), urllib.request.urlopen(url, timeout=10):  # noqa: S310
            return True
        with suppress(Empty):
            sys.exit(f"{ended.get_nowait()} has ended at once.")

    wait_until_ready("the web server to answer", answers)


def introduce(address, *, seconds):
    """Say where everything is."""
    from booking.dev.keys import keep_api_key

    password = FOLDER / "admin-password"
    origins = [address, address.replace("127.0.0.1", "localhost")]
    secret = keep_api_key("secret", path=FOLDER / "api-key-secret", write=write_private)
    publishable = keep_api_key("publishable", path=FOLDER / "api-key-publishable", write=write_private, origins=origins)
    print(
        f"""
  Holdfast is running, after {seconds:.1f} seconds.

    for patients   {address}/
    for staff      {address}/admin/
                   admin, or erin (reception), dana (clinician), morgan (manager);
                   password {password.read_text() if password.exists() else "as it was set"}
    for programs   {address}/api/v1/
                   secret key       {secret}
                   publishable key  {publishable}
    mail           {FOLDER / "mail"}

  A page of another site books with a publishable key for its origin. To make one:

    .venv/bin/python -m booking.dev.manage create_api_key "my page" \\
      --kind publishable --scopes all --origins http://localhost:3000

  Ctrl-C stops it. The clinic stays until `make demo-reset`.
""",
        flush=True,
    )


def get_secret(name, *, length):
    """Return the secret of this name; generate it on first use, in a file that only its owner can read."""
    path = FOLDER / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(length))
    return path.read_text()


def write_private(path, content):
    with open(path, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(content)


if __name__ == "__main__":
    main()
