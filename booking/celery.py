"""The Celery application: `celery -A booking worker` and `celery -A booking beat`."""

import os

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")

app = Celery("booking")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_djangos_logging(**kwargs):
    """Someone listening is what stops Celery from setting up logs of its own."""


@worker_process_init.connect
def run_the_outbox(**kwargs):
    """Every process of a worker runs what is due, beside its tasks."""
    from .runner import Runner  # not before Django is set up

    app.outbox = Runner()
    app.outbox.start()


@worker_process_shutdown.connect
def let_the_outbox_end(**kwargs):
    """What takes longer is due again when its claim lapses."""
    app.outbox.stop(within=10)
