"""Other people's packages, by name and version, in a folder that stays: ``.clients`` is as good as a cache."""

import hashlib
import shutil
import subprocess
import sys

import pytest

from booking.dev.servers import BASE_DIR

FOLDER = BASE_DIR / ".clients"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(BASE_DIR / "tests" / "clients"):
            item.add_marker(pytest.mark.clients)


def install(kind, packages, command, folder):
    """Run a command that fills ``folder`` once; skip the test, and say why, where the registry does not answer."""
    done = folder / "installed"
    if done.exists():
        return
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines() or ["nothing"]
        pytest.skip(f"{kind} has not given {', '.join(packages)}: {said[-1]}")
    done.touch()


def get_folder(packages):
    return FOLDER / hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]


@pytest.fixture(scope="session")
def python_with():
    """Return the path of a Python that has the packages: ``python_with("junction-api-sdk==2.0.0")``."""

    def python_with(*packages):
        folder = get_folder(packages)
        python = folder / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install("PyPI", packages, [python, "-m", "pip", "install", "--quiet", *packages], folder)
        return python

    return python_with


@pytest.fixture(scope="session")
def node_with():
    """Return a folder whose node_modules has the packages: ``node_with("@tryvital/vital-node@3.1.551")``."""

    def node_with(*packages):
        if not shutil.which("npm"):
            pytest.skip("npm is not installed")
        folder = get_folder(packages)
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--no-save", *packages]
        install("npm", packages, command, folder)
        return folder

    return node_with
