import os
import subprocess
import sys
import textwrap

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from booking.dev.servers import BASE_DIR

# What a production installation must set, and nothing more.
PRODUCTION = {
    "SECRET_KEY": "0123456789-for-the-tests-of-the-production-settings-0123456789",
    "DATABASE_URL": "postgres://holdfast:password@127.0.0.1:1/holdfast",
    "REDIS_URL": "redis://:password@127.0.0.1:1/0",
    "ALLOWED_HOSTS": "booking.clinic.example",
    "EMAIL_URL": "smtp+tls://user:password@mail.clinic.example:587",
    "DEFAULT_FROM_EMAIL": "bookings@clinic.example",
}


@pytest.fixture
def run():
    """Run a command with the production settings: ``run("manage.py", "check", DEBUG="True")``."""

    def run(*command, **settings):
        environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "booking.settings"}
        return subprocess.run(
            [sys.executable, *command],
            env=environment | PRODUCTION | settings,
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def run_python(run):
    """Run a few lines of Python with the production settings."""
    return lambda code, **settings: run("-c", textwrap.dedent(code), **settings)


# People at work, signed in


@pytest.fixture
def staff(db):
    """Return a browser in which somebody of the group is signed in: ``staff("erin", "reception")``."""

    def staff(username, group):
        user = User.objects.create_user(username, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        browser = Client()
        browser.force_login(user)
        browser.user = user
        return browser

    return staff


@pytest.fixture
def erin(staff):
    """Erin at reception."""
    return staff("erin", "reception")


@pytest.fixture
def morgan(staff):
    """Morgan the manager."""
    return staff("morgan", "manager")


@pytest.fixture
def danas_browser(staff, dana):
    """Dana the clinician, at her own desk."""
    browser = staff("dana", "clinician")
    dana.user = browser.user
    dana.save()
    return browser
