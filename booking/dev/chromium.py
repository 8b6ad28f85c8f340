"""Find a Chromium for the browser tests, or install one."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
QUIET = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}


def ensure_chromium():
    """Return the path of a Chromium, installed from the system's packages or by Playwright if missing."""
    path = find_chromium()
    if path:
        return path
    print("Installing Chromium for the browser tests ...", flush=True)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = {**QUIET, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update"], **apt)
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", "chromium"], **apt)
        path = find_chromium()
    if not path:
        playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
        installed = subprocess.run(playwright, **QUIET)
        path = find_chromium()
    if not path:
        print(installed.stderr, file=sys.stderr)
        sys.exit("The browser tests need Chromium, and it could not be installed: install chromium.")
    return path


def find_chromium():
    """Return the path of a working Chromium, or None."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        paths = [shutil.which(name) for name in NAMES] + [playwright.chromium.executable_path]
    return next((path for path in paths if path and runs(path)), None)


def runs(path):
    """Return whether this is a browser; Ubuntu's chromium-browser only points to a snap."""
    try:
        return subprocess.run([path, "--version"], timeout=60, **QUIET).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    ensure_chromium()
