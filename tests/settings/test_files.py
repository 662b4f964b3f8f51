"""Settings from a file beside the application, and from the environment."""

from __future__ import annotations

import pytest

from cletus.errors import SettingError
from cletus.settings.files import from_environment, from_folder
from cletus.settings.settings import Sources


def test_cletus_toml_is_read(tmp_path):
    (tmp_path / "cletus.toml").write_text('port = 4000\nreload_modules = ["a", "b"]\n')
    assert from_folder(tmp_path) == {"port": 4000, "reload_modules": ["a", "b"]}


def test_without_it_the_table_of_pyproject_is_read(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.cletus]\nport = 4000\n[tool.other]\nx = 1\n")
    assert from_folder(tmp_path) == {"port": 4000}
    (tmp_path / "cletus.toml").write_text("port = 5000")
    assert from_folder(tmp_path) == {"port": 5000}


def test_a_folder_without_either_says_nothing(tmp_path):
    assert from_folder(tmp_path) == {}
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert from_folder(tmp_path) == {}


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "cletus.toml").write_text("port = ")
    with pytest.raises(SettingError, match=r"cletus\.toml"):
        from_folder(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (
            "cletus.toml",
            "# ports\nprot = 1\n",
            "cletus.toml, line 2, column 1: setting 'prot' is unknown",
        ),
        (
            "cletus.toml",
            "port = 'x'\n",
            "cletus.toml, line 1, column 1: setting 'port' cannot be 'x'",
        ),
        (
            "pyproject.toml",
            "[tool.x]\nport = 1\n[tool.cletus]\nport = 'x'\n",
            "pyproject.toml, line 4, column 1: setting 'port' cannot be 'x'",
        ),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_its_line(tmp_path, file, text, words):
    (tmp_path / file).write_text(text)
    with pytest.raises(SettingError) as caught:
        Sources().read_file(tmp_path)
    assert str(caught.value).startswith(words)


def test_variables_of_the_environment_are_settings():
    environment = {"CLETUS_LINE_RATE": "3", "PATH": "/bin", "CLETUS_RELOAD_MODULES": "a, b"}
    assert from_environment(environment) == {"line_rate": "3", "reload_modules": "a, b"}
