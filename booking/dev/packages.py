"""Install a program of the system's for the tests."""

import os
import shutil
import subprocess

QUIET = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}


def install_package(name):
    """Install a package with apt-get, where there is one and this account may."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = {**QUIET, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update"], **apt)
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", name], **apt)
