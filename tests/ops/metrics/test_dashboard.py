"""The dashboard and the documentation are of the figures that there are."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from cletus.meters import Meters
from cletus.ops.prometheus import ServiceCollector
from tests.ops.metrics.test_prometheus import CORE

DOCS = Path(__file__).parents[3] / "docs"
DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text())
NAME = re.compile(r"\b(?:cletus|process|python)_[a-z_]+\b")
PANELS = DASHBOARD["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]


def as_in_a_cluster(metrics: Meters) -> None:
    """``tests/cluster/test_primary.py`` has the real ones."""
    metrics.gauge("cletus_cluster_waiting_bytes", "As cletus.cluster has it.")
    metrics.gauge("cletus_cluster_unconfirmed_bytes", "As cletus.cluster has it.")
    metrics.gauge("cletus_cluster_silence_seconds", "As cletus.cluster has it.")
    metrics.counter("cletus_cluster_takeovers", "As cletus.cluster has it.").add(planned="yes")


@pytest.fixture
def exposed(run, talk, figures):
    """All figures of a service in which everything has happened, by name, with their labels."""
    talker = talk()
    talker.account("Bob")
    for _ in range(7):
        talker.login("bob", "a guess").hangs_up()
    talker.reload()
    as_in_a_cluster(talker.service.metrics)
    names: dict[str, set[str]] = {}
    for sample in figures(talker.service):
        name, _, labels = sample.partition("{")
        names.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return names


@pytest.fixture
def families(run):
    """The names of our own families; a counter's with what Prometheus adds."""
    service = run(core=CORE).service
    service.metrics.counter("cletus_users_logins_throttled", "As contrib.users has it.")
    as_in_a_cluster(service.metrics)
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in ServiceCollector(service).collect()
    }


def test_every_figure_that_the_dashboard_asks_for_is_there(exposed):
    """With the labels that it groups by."""
    assert len(QUERIES) > 30
    for query in QUERIES:
        names = NAME.findall(query)
        assert names, f"{query} asks for nothing of ours"
        for name in names:
            assert name in exposed, query
        for labels in re.findall(r"by \(([^)]*)\)", query):
            for label in labels.split(", "):
                assert label in exposed[names[0]], query


def test_what_a_legend_shows_is_a_label_of_its_query():
    for panel in PANELS:
        for target in panel.get("targets", ()):
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert f"by ({label})" in target["expr"], target


def test_every_figure_of_ours_is_on_the_dashboard(families):
    """A figure that nobody looks at might as well not be there."""
    asked = " ".join(QUERIES) + json.dumps(DASHBOARD["templating"])
    assert [name for name in sorted(families) if name not in asked] == []


def test_every_figure_of_ours_is_documented_and_no_other(families):
    """In the table of ``docs/metrics.md``."""
    rows = [
        line for line in (DOCS / "metrics.md").read_text().splitlines() if line.startswith("| `")
    ]
    documented = {name for row in rows for name in NAME.findall(row.split("|")[1])}
    assert documented == families


def test_the_labels_are_documented(exposed):
    for row in (DOCS / "metrics.md").read_text().splitlines():
        if row.startswith("| `"):
            names, labels = row.split("|")[1:3]
            for name in NAME.findall(names):
                found = exposed.get(name, set()) | exposed.get(f"{name}_count", set())
                assert found == set(re.findall(r"`(\w+)`", labels)), name


def test_queries_are_balanced_and_of_one_instance():
    for query in QUERIES:
        for opening, closing in ("()", "{}", "[]"):
            assert query.count(opening) == query.count(closing), query
        selectors = re.findall(r"(?:cletus|process|python)_[a-z_]+(\S*)", query)
        assert all(one.startswith('{job="$job",instance=~"$instance"') for one in selectors), query


def test_counters_are_asked_for_their_growth():
    """Nobody wants to see a number that only rises."""
    for query in QUERIES:
        for name in re.findall(r"\b\w+_(?:total|bucket|count|sum)\b", query):
            assert re.search(rf"(?:rate|increase)\({name}\{{", query), query


def test_it_is_a_dashboard_that_grafana_imports():
    """The parts that Grafana's importer and its schema ask for."""
    assert DASHBOARD["id"] is None, "it belongs to no installation yet"
    assert re.fullmatch(r"[\w-]{1,40}", DASHBOARD["uid"])
    assert DASHBOARD["schemaVersion"] >= 38
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == [
        "datasource",
        "job",
        "instance",
    ]
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        assert panel["type"] in {"row", "timeseries", "stat"}
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert place["h"] > 0
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            refs = [target["refId"] for target in panel["targets"]]
            assert refs == sorted(set(refs)) != []
            assert panel["fieldConfig"]["defaults"]["unit"]


def test_no_panel_lies_on_another():
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert all(one != other for one, other in pairwise(sorted(cells)))
