"""The Celery application: `celery -A booking worker` and `celery -A booking beat`."""

import os

from celery import Celery
from celery.signals import beat_init, setup_logging, task_postrun, task_prerun, worker_init
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")

app = Celery("booking")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_djangos_logging(**kwargs):
    """Someone listening is what stops Celery from setting up logs of its own."""


@worker_init.connect
def limit_waiting_for_the_database(**kwargs):
    """Bound every statement of a task."""
    from booking.ops import deadlines  # this module is loaded before the settings

    deadlines.limit_waiting(deadlines.WORKER)


@worker_init.connect
@beat_init.connect
def report_errors(**kwargs):
    """Report to Sentry what is logged as an error, if that is wanted."""
    from booking.ops import error_reports

    error_reports.start()


@worker_init.connect
def send_traces(**kwargs):
    """Send traces of the outbox's messages, if that is wanted."""
    from booking.ops import tracing

    tracing.start("worker")


@worker_init.connect
def count_tasks(**kwargs):
    """Count tasks for Prometheus, if that is wanted."""
    from booking.ops.metrics import workers

    workers.start()


@task_prerun.connect
@task_postrun.connect
def close_unusable_connections(**kwargs):
    """Close connections that are broken or old, as Django does between two requests, and keep the others."""
    close_old_connections()
