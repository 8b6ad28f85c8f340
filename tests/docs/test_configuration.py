"""settings.py, README's and docs/operating.md's tables, .env.example and compose.yaml tell the same story."""

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
import redis
import yaml

from booking.dev.servers import BASE_DIR
from booking.management.commands.make_roles import PASSWORDS
from tests.failures.programs import Redis
from tests.waiting import wait_until

COMPOSE = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = ["migrate", "web", "worker", "delivery", "beat"]
MADE_BY_COMPOSE = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", *PASSWORDS.values()}


def read(name):
    return (BASE_DIR / name).read_text()


def list_settings():
    """Return the names of the variables that settings.py reads."""
    nodes = ast.walk(ast.parse(read("booking/settings.py")))
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return {
        call.args[0].value
        for call in calls
        if getattr(call.func.value, "id", "") == "env" and call.func.attr != "refuse"
    }


def list_documented():
    """Return the names in the first column of the tables of README's Configuration and of docs/operating.md."""
    tables = read("README.md").partition("## Configuration")[2] + read("docs/operating.md")
    rows = re.findall(r"^\| (`[A-Z].*?) \|", tables, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([A-Z][A-Z_0-9]+)`", row)}


def list_examples(pattern):
    return set(re.findall(pattern, read(".env.example"), re.MULTILINE))


def test_each_setting_is_documented_and_nothing_else():
    assert list_settings() ^ list_documented() == set()


def test_env_example_names_only_what_is_read():
    assert list_examples(r"^#?([A-Z_]+)=") - list_settings() == MADE_BY_COMPOSE


def test_env_example_decides_nothing_for_a_whole_domain():
    assert list_examples(r"^(SECURE_HSTS_\w+)=") == {"SECURE_HSTS_SECONDS"}


def test_env_example_has_what_compose_and_the_settings_cannot_do_without():
    needed = set(re.findall(r"\$\{([A-Z_]+)", read("compose.yaml")))
    assert needed == MADE_BY_COMPOSE
    required = set(re.findall(r"^\| `([A-Z_]+)` \| required", read("README.md"), re.MULTILINE))
    assert required - list_examples(r"^([A-Z_]+)=") == {"DATABASE_URL", "REDIS_URL"}
    assert all({"DATABASE_URL", "REDIS_URL"} <= SERVICES[name]["environment"].keys() for name in OURS)
    for name in OURS:
        assert SERVICES[name]["environment"].keys() - MADE_BY_COMPOSE - list_settings() == set()


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_read_only_and_without_capabilities(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in service["tmpfs"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & service.keys()
    if service["image"] != "holdfast":
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"]), "by its full version"
        assert service["user"] not in ("root", "0")


def test_dockerfile_ends_as_an_account_without_rights_on_images_of_full_version():
    steps = read("Dockerfile")
    assert re.findall(r"^USER (.*)$", steps, re.MULTILINE) == ["holdfast"]
    images = re.findall(r"^FROM (\S+)", steps, re.MULTILINE)
    assert images
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+-slim$", image)] == []


def test_each_service_knows_only_the_passwords_it_needs():
    known = {
        name: {
            variable: re.findall(r"\$\{([A-Z_]+)", str(value))
            for variable, value in service["environment"].items()
            if value
        }
        for name, service in SERVICES.items()
        if "environment" in service
    }
    worker = {"DATABASE_URL": ["WORKER_DATABASE_PASSWORD"], "REDIS_URL": ["REDIS_PASSWORD"]}
    assert {name: known[name] for name in OURS} == {
        "migrate": {
            "DATABASE_URL": ["POSTGRES_PASSWORD"],
            "REDIS_URL": ["REDIS_PASSWORD"],
            "WEB_DATABASE_PASSWORD": ["WEB_DATABASE_PASSWORD"],
            "WORKER_DATABASE_PASSWORD": ["WORKER_DATABASE_PASSWORD"],
        },
        "web": {"DATABASE_URL": ["WEB_DATABASE_PASSWORD"], "REDIS_URL": ["REDIS_PASSWORD"]},
        "worker": worker,
        "delivery": worker,
        "beat": worker,
    }
    # .env is passed whole: what is not needed is emptied.
    for name in OURS:
        assert SERVICES[name]["environment"].keys() >= MADE_BY_COMPOSE


def test_redis_of_compose_asks_for_its_password_and_tells_no_other_user(tmp_path):
    server = Redis(tmp_path)
    [shell, flag, script] = SERVICES["redis"]["command"]
    script = script.replace("$$", "$").replace("appendonly", f"port {server.port}\nappendonly")
    binaries = os.pathsep.join([str(Path(server.program).parent), os.environ["PATH"]])
    process = subprocess.Popen(
        [shell, flag, script], cwd=tmp_path, env={"PATH": binaries, "REDIS_PASSWORD": "hunter2-hunter2"}
    )
    try:
        client = redis.Redis(port=server.port, password="hunter2-hunter2")
        wait_until(lambda: process.poll() is None and can_ping(client))
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port).ping()
        assert b"hunter2" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert (tmp_path / "appendonlydir").exists() or (tmp_path / "appendonly.aof").exists()
    finally:
        process.kill()
        process.wait()


def can_ping(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False
