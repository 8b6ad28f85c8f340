"""Production settings: what they refuse, and the limits they set."""

import os
import secrets

import pytest
from django.core.management import call_command

from booking.dev.servers import BASE_DIR

GUNICORN = ("-m", "gunicorn", "--config", "python:booking.gunicorn", "booking.wsgi")
WORKER = ("-m", "celery", "--app", "booking", "worker")
BEAT = ("-m", "celery", "--app", "booking", "beat")


@pytest.mark.parametrize(
    "name, value",
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 60),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://user:hunter2@db/holdfast"),
        ("DATABASE_URL", "postgres://user:hunter2@db:port/holdfast"),
        ("DATABASE_URL", "postgres://user:hunter2@db"),
        ("DATABASE_POOLER", "session"),
        ("REPLICA_URLS", "postgres://user:hunter2@db/holdfast,db2"),
        ("REPLICA_MAX_LAG", "0"),
        ("REDIS_URL", ""),
        ("REDIS_URL", "hunter2"),
        ("REDIS_URL", "redis://:hunter2@redis:port/0"),
        ("BROKER_URL", "hunter2"),
        ("BROKER_URL", "sqs://user:hunter2@queue"),
        ("BROKER_URL", "amqp://user:hunter2@rabbitmq:port/holdfast"),
        ("DELIVERY_THREADS", "7"),
        ("ALLOWED_HOSTS", ""),
        ("CSRF_TRUSTED_ORIGINS", "clinic.example"),
        ("EMAIL_URL", ""),
        ("EMAIL_URL", "smtp+tls://user:hunter2@mail:port"),
        ("EMAIL_URL", "post://office"),
        ("EMAIL_URL", "smtp://"),
        ("DEFAULT_FROM_EMAIL", "Harbour Clinic"),
        ("DEFAULT_PHONE_REGION", "UK"),
        ("DEBUG", "flase"),
        ("SECURE_SSL_REDIRECT", "ture"),
        ("SECURE_HSTS_SECONDS", "a year"),
        ("TRUSTED_PROXIES", "-1"),
        ("WIDGET_FRAME_ANCESTORS", "https://clinic.example; script-src *"),
        ("WEB_PROCESSES", "0"),
        ("BIND", "8000"),
        ("SITE_URL", "booking.clinic.example"),
        ("OIDC_ISSUER", "http://login.clinic.example"),
        ("SESSION_IDLE_MINUTES", "0"),
        ("PRIVACY_NOTICE_URL", "javascript:alert(1)"),
        ("IMPRINT_URL", "www.clinic.example/imprint"),
        ("PRIVACY_NOTICE_VERSION", "x" * 41),
    ],
)
def test_invalid_setting_stops_start_with_one_line_that_names_it(run, name, value):
    refused = run("manage.py", "check", **{name: value})
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith(f"Holdfast cannot start: {name} ")
    assert "hunter2" not in refused.stderr


@pytest.mark.parametrize("command", [GUNICORN, WORKER, BEAT], ids=["web", "worker", "beat"])
def test_missing_secret_key_stops_web_worker_and_beat_with_one_line(run, command):
    refused = run(*command, SECRET_KEY="")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "Holdfast cannot start: SECRET_KEY is not set.\n"


def test_env_example_passes_deployment_check(run):
    lines = (BASE_DIR / ".env.example").read_text().splitlines()
    documented = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert documented.pop("SECRET_KEY") == ""  # each installation generates its own
    documented["SECRET_KEY"] = secrets.token_urlsafe(50)
    checked = run("manage.py", "check", "--deploy", "--fail-level", "INFO", **documented)
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


def test_models_have_no_missing_migration(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_production_redirects_to_https(run_python):
    shown = run_python(
        """
        import django
        django.setup()
        from django.test import Client
        response = Client().get("/", headers={"Host": "booking.clinic.example"})
        print(response.status_code, response["Location"])
        """
    )
    assert shown.stdout == "301 https://booking.clinic.example/\n"


def test_forwarded_proto_is_trusted_only_with_trusted_proxies(run_python):
    code = """
        import django
        django.setup()
        from django.test import RequestFactory
        print(RequestFactory().get("/", headers={"X-Forwarded-Proto": "https"}).is_secure())
    """
    assert run_python(code).stdout == "False\n"
    assert run_python(code, TRUSTED_PROXIES="1").stdout == "True\n"


def test_web_requests_have_lock_timeout_2s_and_statement_timeout_5s(run_python):
    limits = run_python(
        """
        import booking.wsgi
        from django.db import connection
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
            print(*cursor.fetchone())
        """,
        DATABASE_URL=os.environ["DATABASE_URL"],
    )
    assert limits.stdout == "2s 5s\n"


def test_migrations_and_tasks_have_no_lock_or_statement_timeout(run_python):
    limits = run_python(
        """
        import django
        django.setup()
        from django.db import connection
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
            print(*cursor.fetchone())
        """,
        DATABASE_URL=os.environ["DATABASE_URL"],
    )
    assert limits.stdout == "0 0\n"


def test_production_demands_second_factors_and_binds_cookies_to_the_host(run_python):
    shown = run_python(
        """
        from booking import settings
        print(settings.SECOND_FACTOR_GROUPS, settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
        """
    )
    assert shown.stdout == "['superusers', 'manager'] __Host-sessionid __Host-csrftoken\n"
