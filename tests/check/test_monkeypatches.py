"""What the application has put into modules of others is named, with the function's line."""

from __future__ import annotations

import json
import json.encoder

import pytest

from tests.check.conftest import must_be, names


@pytest.fixture(autouse=True)
def mended(monkeypatch):
    """What the texts patch is put back."""
    monkeypatch.setattr(json, "dumps", json.dumps)
    monkeypatch.setattr(json.encoder.JSONEncoder, "encode", json.encoder.JSONEncoder.encode)


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (
            "json.dumps = mine",
            "json.dumps, which is not part of the application, is replaced by mine",
        ),
        ("json.JSONEncoder.encode = mine", "json.encoder.JSONEncoder.encode"),
    ],
)
def test_a_patched_module_is_named(patch, words, check, tmp_path):
    text = f"import json\ndef mine(*args):  # HERE\n    return ''\n{patch}\n"
    assert must_be(check(text), "patch", words, tmp_path).group == "State of the process"


def test_a_function_of_others_put_elsewhere_is_let_by(check):
    """It holds no code of the application."""
    assert names(check("import json\njson.dumps = json.loads\n")) == set()


def test_functions_of_its_own_are_its_own(check):
    assert names(check("class User:\n    pass\nUser.greet = lambda self: 'hello'\n")) == set()
