"""What Prometheus reads at /metrics, where METRICS_TOKEN or METRICS_BIND opens it.

Each process of the web server counts what it answers, and whichever is asked tells the sum. What is true of the
whole installation is read from the database and the broker instead. Celery's workers count their tasks, and have
ports of their own.
"""
