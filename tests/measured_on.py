"""On which machine and of which commit figures are, for those who read them."""

import platform
import re
import subprocess
from pathlib import Path

import psutil

from booking.dev.servers import BASE_DIR


def describe_machine():
    """Return the processor, its cores, the memory and the version of Python."""
    listed = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.+)", listed.read_text()) if listed.exists() else []
    model = models[0] if models else platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores of {model} with {memory:.0f} GiB, Python {platform.python_version()}"


def get_commit():
    """Return the short name of the commit, with "-dirty" if there is more than that."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False).stdout.strip()
