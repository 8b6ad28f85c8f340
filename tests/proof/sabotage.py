"""The booking without one of its defences: gunicorn serves what one of these returns, for a negative control."""

import time

import psycopg

LOCK = "FOR NO KEY UPDATE"
PAUSE = 0.01  # seconds between looking and taking, in which others look, too


def without_locks():
    """Return the application, whose statements lock no clinician."""
    execute = psycopg.Cursor.execute

    def execute_unlocked(self, query, *arguments, **options):
        if isinstance(query, str) and "scheduling_clinician" in query:
            query = query.replace(LOCK, "")
        if isinstance(query, str) and "INSERT INTO scheduling_slot" in query:
            time.sleep(PAUSE)
        return execute(self, query, *arguments, **options)

    psycopg.Cursor.execute = execute_unlocked
    return load()


def without_keys():
    """Return the application, which sees no Idempotency-Key."""
    application = load()

    def ignore_key(environ, start_response):
        environ.pop("HTTP_IDEMPOTENCY_KEY", None)
        return application(environ, start_response)

    return ignore_key


def load():
    from booking.wsgi import application

    return application
