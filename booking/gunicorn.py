"""How gunicorn serves the pages: `gunicorn --config python:booking.gunicorn booking.wsgi`."""

import gc

from booking.ops.logs import LOGGING
from booking.ops.metrics import processes
from booking.settings import BIND, METRICS_BIND, METRICS_TOKEN, WEB_PROCESSES

bind = [BIND, METRICS_BIND] if METRICS_BIND else [BIND]
workers = WEB_PROCESSES
worker_class = "booking.ops.web_worker.WebWorker"
worker_connections = 800  # at once, slow ones and kept ones too; each is an open file, and 1,024 are usual
sendfile = False  # a file goes the way of every answer: its client may be slow
threads = 8  # Python runs one at a time, but a request may wait for another system for seconds

# A bad setting stops the start, instead of one worker after the other.
preload_app = True

limit_request_line = 8190  # an address with 200 ids has 8,000 characters
limit_request_fields = 64

timeout = 30
graceful_timeout = 20
keepalive = 75  # longer than load balancers' own, so that they never reuse a connection that is being closed
max_requests = 10_000
max_requests_jitter = 1_000
worker_tmp_dir = processes.MEMORY

# gunicorn believes no header about the outside; TRUSTED_PROXIES tells Django which to believe.
forwarded_allow_ips = ""
forwarder_headers = ""

logconfig_dict = LOGGING
control_socket_disable = True

if METRICS_BIND or METRICS_TOKEN:
    processes.share_counts(processes.MEMORY)


def pre_fork(server, worker):
    """Find a place to count at for the worker that is about to be forked."""
    worker.place = processes.find_free_place([other.place for other in server.WORKERS.values()])


def post_fork(server, worker):
    """Count there."""
    processes.take_place(worker.place)


def on_exit(server):
    """Leave nothing behind."""
    processes.delete_counts()


def post_worker_init(worker):
    """Leave what is there for good out of every search for garbage, and search less often."""
    from booking.ops import tracing

    tracing.start("web")
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
