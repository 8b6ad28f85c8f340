import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import psutil
import pytest

from booking.dev import processes
from booking.dev.demo import wait_for_page
from booking.dev.processes import still_running
from booking.dev.servers import BASE_DIR, claim

DEMO = [sys.executable, "-m", "booking.dev.demo"]


@pytest.fixture
def demo_environment(folder, monkeypatch):
    """A demo that is started now has its data in ``folder`` and knows no setting of the tests."""
    for name in ("DATABASE_URL", "REDIS_URL", "DEBUG", "SECRET_KEY", "EMAIL_URL", "CLINIC_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DEMO_FOLDER", str(folder))


@pytest.fixture
def demo(demo_environment):
    """Start a demo: ``process, said = demo()``. It is stopped in the end."""
    started = []

    def demo():
        process = subprocess.Popen(
            DEMO, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        started.append(process)
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        return process, "".join(said)

    yield demo
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


def stop(process):
    """Press Ctrl-C and return which of its processes are still running after that."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.endswith("Stopped.\n")
    return still_running(children, seconds=10)


def address(said):
    return re.search("for patients +(http://[^ \n]+)", said)[1]


def me(said, key):
    """What the demo's API says of one of its keys, to a page of the demo."""
    headers = {"Authorization": f"Bearer {key}", "Origin": address(said).rstrip("/")}
    with urllib.request.urlopen(urllib.request.Request(address(said) + "api/v1/me", headers=headers)) as answer:
        return json.load(answer)["data"]


def find_port(said):
    return int(address(said).rstrip("/").rpartition(":")[2])


def test_demo_serves_clinic_keeps_data_and_stops_everything(demo, folder):
    process, said = demo()
    password = re.search(" password (.+)", said)[1]
    assert (folder / "admin-password").read_text() == password
    with urllib.request.urlopen(address(said)) as page:
        assert page.status == 200
        assert page.headers["Content-Security-Policy"]
    with urllib.request.urlopen(address(said) + "admin/") as page:
        assert page.status == 200
    keys = re.findall("(?:secret|publishable) key +(hf_.+)", said)
    assert [me(said, key)["kind"] for key in keys] == ["secret", "publishable"]
    assert stop(process) == []
    assert not (folder / "environment.json").exists()
    assert not (folder / "programs.json").exists()

    process, said = demo()
    assert "Making a clinic" not in said
    assert password in said
    assert re.findall("(?:secret|publishable) key +(hf_.+)", said) == keys
    assert stop(process) == []


@pytest.mark.proof
def test_demo_reports_taken_port_and_starts_after_killed_run(demo, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        killed, said = demo()
        used = find_port(said)
        assert used > port
        assert f"Port {port} is taken by another program: using {used}." in said

        leftovers = psutil.Process(killed.pid).children(recursive=True)
        killed.kill()
        killed.wait()
        _, said = demo()
    assert find_port(said) == used
    assert still_running(leftovers, seconds=10) == []


def test_demo_reset_empties_clinic(folder, demo_environment):
    (folder / "postgres").mkdir()
    (folder / "postgres" / "log").write_text("of the old clinic")
    (folder / "admin-password").write_text("of the old clinic")
    subprocess.run([*DEMO, "--reset"], cwd=BASE_DIR, check=True, capture_output=True)
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_demo_reset_while_running_is_refused(folder, demo_environment):
    (folder / "admin-password").write_text("of this clinic")
    with claim(folder):
        refused = subprocess.run([*DEMO, "--reset"], cwd=BASE_DIR, capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "The demo of this folder is running. Stop it first: Ctrl-C where it runs.\n"
    assert (folder / "admin-password").exists()


def test_demo_waits_for_slow_page_and_names_it(monkeypatch, capsys):
    monkeypatch.setattr(processes, "TELL_INTERVAL", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as threads:
        host, port = listener.getsockname()
        waiting = threads.submit(wait_for_page, f"http://{host}:{port}/", SimpleQueue())

        silent, _ = listener.accept()
        silent.close()
        broken, _ = listener.accept()
        broken.sendall(b"garbage\r\n\r\n")
        broken.close()
        answering, _ = listener.accept()
        answering.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        answering.close()

        assert waiting.result(timeout=60) is None
    assert capsys.readouterr().out.startswith("Waiting for the web server to answer, 0 seconds so far ...\n")


def test_demo_names_program_that_ends_at_once():
    ended = SimpleQueue()
    ended.put("web")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()

    with pytest.raises(SystemExit, match="web has ended at once"):
        wait_for_page(f"http://{host}:{port}/", ended)


@pytest.mark.proof
def test_manage_before_first_demo_makes_clinic(demo_environment, folder):
    ask = "from scheduling.models import Service; print(Service.objects.count(), 'services')"
    done = subprocess.run(
        [sys.executable, "-m", "booking.dev.manage", "shell", "--command", ask],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n6 services\n")
    assert (folder / "admin-password").exists()
    assert not (folder / "environment.json").exists()
