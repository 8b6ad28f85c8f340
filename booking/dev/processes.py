"""Wait for processes to start and to end; stop those that a killed run left behind."""

import shutil
import subprocess
import time

import psutil

TELL_INTERVAL = 10  # seconds


def wait_until_ready(what, is_ready):
    """Return once ``is_ready()`` is true, without a timeout; print now and then what is awaited."""
    started_at = told_at = time.monotonic()
    while not is_ready():
        now = time.monotonic()
        if now - told_at >= TELL_INTERVAL:
            print(f"Waiting for {what}, {now - started_at:.0f} seconds so far ...", flush=True)
            told_at = now
        time.sleep(0.05)


def stop_leftover(folder, pid_file, ending):
    """Stop the server that a killed run left behind with its data in ``folder``, and delete its pid file."""
    path = folder / pid_file
    if not path.exists():
        return
    lines = path.read_text().splitlines()
    try:
        leftover = psutil.Process(int(lines[0]))
        if leftover.cwd() == str(folder):  # otherwise the process id was reused
            leftover.send_signal(ending)
            still_running([leftover], seconds=60)
    except (IndexError, ValueError, psutil.Error):
        pass
    if pid_file == "postmaster.pid" and len(lines) > 4:
        shutil.rmtree(lines[4], ignore_errors=True)  # its socket directory
    path.unlink(missing_ok=True)


def still_running(processes, *, seconds):
    """Return the processes that are still running after ``seconds``.

    One that has ended but that nobody has asked about counts as ended: in a container often nobody ever asks.
    """
    deadline = time.monotonic() + seconds
    while True:
        processes = [process for process in processes if not has_ended(process)]
        if not processes or time.monotonic() > deadline:
            return processes
        time.sleep(0.02)


def has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop(server, ending):
    """Signal the server and wait for its end."""
    server.send_signal(ending)
    try:
        server.wait(60)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
