"""How long Celery's queues are in the broker: Redis, or RabbitMQ."""

from django.conf import settings
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from prometheus_client.core import GaugeMetricFamily, Metric
from redis import RedisError

from booking.access.optional_redis import connect
from booking.outbox.relay import QUEUES

TIMEOUT = 1  # second
NAMES = sorted({settings.CELERY_TASK_DEFAULT_QUEUE, *QUEUES.values()})


class BrokerAway(Exception):
    """The broker does not answer."""


def read_queues() -> Metric:
    """Return how many tasks wait in each queue. Raises BrokerAway."""
    count = _count_in_rabbitmq if settings.BROKER_URL.startswith("amqp") else _count_in_redis
    lengths = GaugeMetricFamily("holdfast_celery_queue_length", "Tasks that no worker has taken.", labels=["queue"])
    for name, number in zip(NAMES, count(), strict=True):
        lengths.add_metric([name], number)
    return lengths


def _count_in_redis():
    try:
        with connect(settings.BROKER_URL, timeout=TIMEOUT) as client:
            pipeline = client.pipeline(transaction=False)
            for name in NAMES:
                pipeline.llen(name)
            return pipeline.execute()
    except RedisError as error:
        raise BrokerAway from error


def _count_in_rabbitmq():
    try:
        limits = {"read_timeout": TIMEOUT, "write_timeout": TIMEOUT}
        with Connection(settings.BROKER_URL, connect_timeout=TIMEOUT, transport_options=limits) as broker:
            return [_count_messages(broker, name) for name in NAMES]
    except (OperationalError, *Connection.connection_errors) as error:
        raise BrokerAway from error


def _count_messages(broker, name):
    try:
        with broker.channel() as channel:
            return channel.queue_declare(name, passive=True).message_count
    except broker.channel_errors:  # no worker has made it yet
        return 0
