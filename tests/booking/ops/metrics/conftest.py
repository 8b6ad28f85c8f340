"""Read /metrics as Prometheus does."""

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from booking.ops.metrics.installation import last_reading

TOKEN = "the-token-of-prometheus"
MIDDLEWARE = "booking.ops.metrics.middleware.measure"


def read_samples(text):
    """Return the value of each sample, by its name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def opened(settings):
    """/metrics is open to whoever has TOKEN, and nothing has been read yet."""
    settings.METRICS_TOKEN = TOKEN
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    last_reading.forget()
    return settings


@pytest.fixture
def scrape(opened, monkeypatch):
    """Read everything anew: ``scrape()`` returns the samples."""
    monkeypatch.setattr("booking.ops.metrics.installation.MAX_AGE", -1)

    def scrape():
        response = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200
        return read_samples(response.text)

    return scrape
