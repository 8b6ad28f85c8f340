"""The settings of the layers (layers.py): those of production, with other addresses."""

from booking.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.layers"
