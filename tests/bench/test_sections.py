"""The sections of `make bench` that start servers run to their end, at the smallest sizes, and print their figures."""

from functools import partial

import pytest

from tests.bench import clinic, figures, growth, outbox, pair, rush
from tests.bench.settings import SETTINGS

pytestmark = [pytest.mark.proof, pytest.mark.django_db(transaction=True)]

SMALL = partial(clinic.make_clinic, clinicians=10, slots=500)
SMALLEST = {
    "availability": {figures: {"make_clinic": lambda **_: SMALL(), "EVENTS": 5}},
    "pair": {
        pair: {"make_clinic": lambda **_: SMALL(), "CLIENTS": 2, "PAIRS_EACH": 3, "TURNS": 1, "CROWD": 10},
    },
    "outbox": {outbox: {"MANY": 48, "STEADY": {50: 25}}},
    "rush": {
        rush: {
            "make_clinic": lambda **_: SMALL(),
            "TIMES": 2,
            "SECONDS": 1,
            "CALM_SECONDS": 1,
            "RECOVERY_SECONDS": 1,
            "HOLDERS_SHARE": 0.02,
        }
    },
}
LAST_LINES = {
    "availability": "one clinician's day",
    "pair": "ours, of the bare one",
    "outbox": "from commit to arrival, 50 a second beside 2 that hang",
    "rush": "calm again after",
}


@pytest.fixture
def servers_as_measured(monkeypatch, settings):
    """What the sections start has the settings of a benchmark, not those of the tests."""
    monkeypatch.delenv("DEBUG")
    settings.SECRET_KEY = SETTINGS["SECRET_KEY"]  # they read what this process has encrypted
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("section", SMALLEST)
def test_section_with_servers_prints_its_figures(section, servers_as_measured, monkeypatch, capsys):
    for module, sizes in SMALLEST[section].items():
        for name, value in sizes.items():
            monkeypatch.setattr(module, name, value)

    figures.SECTIONS[section]()

    assert LAST_LINES[section] in capsys.readouterr().out.splitlines()[-1]


def test_growth_writes_figures_and_plots(monkeypatch, tmp_path):
    monkeypatch.setattr(growth, "PLOTS", tmp_path)
    monkeypatch.setattr(growth, "ROUNDS", 1)
    monkeypatch.setenv("GROWTH_SIZES", "500 1000")

    growth.print_growth()

    assert {path.name for path in tmp_path.iterdir()} == {"growth.json", "growth-patients.svg", "growth-staff.svg"}
