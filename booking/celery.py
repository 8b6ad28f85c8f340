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
def run_what_is_due(**kwargs):
    """Every process of a worker runs the outbox and sweeps, beside its tasks."""
    from booking.outbox.relay import Runner  # not before Django is set up
    from booking.outbox.sweeper import Sweeper

    app.beside = [Runner(), Sweeper()]
    for each in app.beside:
        each.start()


@worker_process_shutdown.connect
def let_it_end(**kwargs):
    """What takes longer is due again: a message when its claim lapses, what was being swept at once."""
    for each in app.beside:
        each.stop(timeout=10)
