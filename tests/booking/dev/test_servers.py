import os
import subprocess
import sys

import psutil
import psycopg
import pytest
import redis

from booking.dev.processes import still_running
from booking.dev.servers import FolderInUse, claim, servers

# Starts the servers in the folder it is given, says where they are, and waits to be told to end.
RUN = """
import sys
from pathlib import Path
from booking.dev.servers import claim, servers
folder = Path(sys.argv[1])
with claim(folder), servers(folder, durable=False) as urls:
    print(urls["DATABASE_URL"], urls["REDIS_URL"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def own_servers(monkeypatch):
    """Nothing in the environment names a server."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture
def start(own_servers):
    """Run the servers from a process of their own: ``process, database_url, redis_url = start(folder)``."""
    processes = []

    def start(folder):
        command = [sys.executable, "-c", RUN, str(folder)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process, *process.stdout.readline().split()

    yield start
    for process in processes:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def test_servers_keep_data_across_restarts(folder, own_servers):
    with servers(folder) as urls:
        with psycopg.connect(urls["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        with redis.Redis.from_url(urls["REDIS_URL"]) as client:
            client.set("kept", "too")
    with servers(folder) as urls:
        with psycopg.connect(urls["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
        with redis.Redis.from_url(urls["REDIS_URL"]) as client:
            assert client.get("kept") == b"too"


def test_servers_named_by_environment_are_used(folder, monkeypatch):
    named = {"DATABASE_URL": "postgres://db/holdfast", "REDIS_URL": "redis://redis"}
    for name, url in named.items():
        monkeypatch.setenv(name, url)
    with servers(folder) as urls:
        assert urls == named
    assert list(folder.iterdir()) == []


def test_servers_leave_nothing_running(folder, start):
    process, *_ = start(folder)
    children = psutil.Process(process.pid).children(recursive=True)
    assert {"postgres", "redis-server"} <= {child.name() for child in children}
    process.stdin.close()
    process.wait(60)
    assert still_running(children, seconds=10) == []


@pytest.mark.proof
def test_servers_start_after_killed_run(folder, start):
    killed, database_url, redis_url = start(folder)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    leftovers = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()
    killed.wait()

    _, database_url, redis_url = start(folder)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
    assert still_running(leftovers, seconds=10) == []


@pytest.mark.proof
def test_servers_spare_process_that_reuses_stale_id(folder, own_servers):
    bystander = subprocess.Popen(["sleep", "60"])
    with servers(folder):
        pass
    (folder / "postgres" / "data" / "postmaster.pid").write_text(f"{bystander.pid}\n")
    (folder / "redis" / "pid").write_text(f"{bystander.pid}\n")
    with servers(folder) as urls, psycopg.connect(urls["DATABASE_URL"]):
        assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.proof
def test_servers_folder_in_use_is_refused(folder, start):
    start(folder)
    with pytest.raises(FolderInUse), claim(folder):
        pass


@pytest.mark.proof
def test_servers_in_two_folders_are_separate(folder, start):
    _, *first = start(folder / "first")
    _, *second = start(folder / "second")
    assert set(first).isdisjoint(second)
    for database_url, redis_url in (first, second):
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT current_setting('data_directory')").fetchone()
        with redis.Redis.from_url(redis_url) as client:
            assert client.ping()


@pytest.mark.proof
def test_servers_folder_may_be_long_private_and_have_spaces(folder, own_servers):
    closed = folder / "closed to others"
    far = closed / ("long " * 24).strip()
    far.mkdir(parents=True)
    closed.chmod(0o700)
    with servers(far) as urls, psycopg.connect(urls["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_setting('max_connections')").fetchone() == ("300",)
    if os.geteuid() == 0:  # PostgreSQL runs as nobody then, who may pass through and not look around
        assert closed.stat().st_mode & 0o777 == 0o701


@pytest.mark.proof
def test_servers_refuse_other_users_of_machine(folder, start):
    _, database_url, redis_url = start(folder)
    sockets = psycopg.conninfo.conninfo_to_dict(database_url)["host"]
    assert os.stat(sockets).st_mode & 0o077 == 0
    without_password = "redis://" + redis_url.partition("@")[2]
    with redis.Redis.from_url(without_password) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
