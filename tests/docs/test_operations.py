"""The dashboard, the alerts and the page about them name metrics that there are, and labels that these have."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from booking.dev.servers import BASE_DIR
from booking.ops.metrics import counted, workers
from scheduling.lib.lock_waits import LOCK_SECONDS

FOLDER = BASE_DIR / "docs" / "operations"
DASHBOARD = json.loads((FOLDER / "grafana.json").read_text())
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
PAGE = (FOLDER / "README.md").read_text()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]] + [alert["expr"] for alert in ALERTS]
COUNTED = [counted.REQUESTS, counted.REQUEST_SECONDS, counted.REFUSALS, counted.ERRORS, counted.SHED, LOCK_SECONDS]
COUNTED += [workers.TASKS, workers.TASK_SECONDS]
SUFFIXES = re.compile("_(total|bucket|count|sum)$")


@pytest.fixture
def labels(db):
    """The labels of each metric, by its name without a suffix."""
    from booking.ops.metrics.database import read_connections, read_gauges, read_outbox, read_workers
    from booking.ops.metrics.installation import read

    found = {metric._name: set(metric._labelnames) for metric in COUNTED}
    found["holdfast_replica_lag_seconds"] = {"replica"}  # there is none here
    text = read(None).text
    for name, inside in re.findall(r"^(holdfast_\w+)(?:\{(.*?)\})? ", text, re.MULTILINE):
        found.setdefault(SUFFIXES.sub("", name), set()).update(re.findall(r'(\w+)="', inside))
    assert sum(len(list(each())) for each in (read_gauges, read_outbox, read_workers, read_connections)) == 13
    return {name: names for name, names in found.items() if not name.endswith("_created")}


def list_names(text):
    return {SUFFIXES.sub("", name) for name in re.findall(r"holdfast_[a-z_]+", text)}


def test_queries_ask_for_metrics_that_there_are(labels):
    for query in QUERIES:
        assert list_names(query) or query.startswith("up{")  # Prometheus' own
        assert list_names(query) <= labels.keys(), query


def test_queries_ask_for_labels_that_their_metrics_have(labels):
    for query in QUERIES:
        allowed = set().union(*(labels[name] for name in list_names(query))) | {"le"}
        asked = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", query))
        for group in re.findall(r"by \((.*?)\)", query):
            asked |= set(group.split(", "))
        assert asked <= allowed | {"job"}, query


def test_page_tells_of_each_metric_and_its_labels(labels):
    rows = re.findall(r"^\| (`holdfast_.*?) \|(.*?)\|", PAGE, re.MULTILINE)
    told = {}
    for names, those in rows:
        for name in re.findall("`(.*?)`", names):
            told[SUFFIXES.sub("", name)] = set(filter(None, those.strip().split(", ")))
    assert told.keys() == labels.keys()
    for name in labels.keys() - {"holdfast_database_max_connections"}:
        assert told[name] == labels[name], name


def test_alerts_have_a_severity_and_say_what_to_do():
    for alert in ALERTS:
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert alert["annotations"].keys() == {"summary", "action"}
    assert len({alert["alert"] for alert in ALERTS}) == len(ALERTS)


def test_runbook_has_one_entry_for_each_alert():
    entries = re.findall(r"^## (\w+)$", (FOLDER / "runbook.md").read_text(), re.MULTILINE)
    assert sorted(entries) == sorted(alert["alert"] for alert in ALERTS)


def test_dashboard_can_be_imported():
    assert "id" not in DASHBOARD  # it would take the place of another
    assert DASHBOARD["schemaVersion"] >= 36
    assert [variable["type"] for variable in DASHBOARD["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    places = [tuple(panel["gridPos"][side] for side in "xy") for panel in DASHBOARD["panels"]]
    assert len(places) == len(set(places))
    for panel in PANELS:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_accepts_the_alerts():
    subprocess.run(["promtool", "check", "rules", FOLDER / "alerts.yml"], check=True, capture_output=True)
