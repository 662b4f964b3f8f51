"""Figures as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cletus import Service
from cletus.ops.prometheus import registry_of
from tests.contrib.conftest import clean_imports, run
from tests.contrib.users.conftest import cheap_hashes, talk, talker

__all__ = ["cheap_hashes", "clean_imports", "run", "talk", "talker"]

Figures = dict[str, float]


def read(text: str) -> Figures:
    """Each sample as ``name{label="value"}``."""
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert name not in found, f"{name} is there twice"
            found[name] = sample.value
    return found


@pytest.fixture
def figures() -> Callable[[Service], Figures]:
    """The figures of a service at this moment."""
    return lambda service: read(generate_latest(registry_of(service)).decode())
