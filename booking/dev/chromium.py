"""Find a Chromium for the browser tests, or install one."""

import shutil
import subprocess
import sys

from booking.dev.packages import QUIET, install_package

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def ensure_chromium():
    """Return the path of a Chromium, installed from the system's packages or by Playwright if missing."""
    path = find_chromium()
    if path:
        return path
    print("Installing Chromium for the browser tests ...", flush=True)
    install_package("chromium")
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
