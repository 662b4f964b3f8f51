"""The example talker, unchanged, with its people at a gateway: all that its own tests ask holds."""

from __future__ import annotations

import pytest

from tests.example.test_lantern import *  # noqa: F403 - each of its tests


@pytest.fixture
def lantern(cluster_lantern):
    return cluster_lantern
