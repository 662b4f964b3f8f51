"""Every setting that is unknown or ill-typed is told of, with the line that names it."""

from __future__ import annotations

import pytest

from tests.check.conftest import must_be, names


def test_each_wrong_setting_of_a_file_is_named_with_its_line(check, tmp_path):
    """One does not hide the next, and what is right is taken."""
    found = check(
        "",
        {"cletus.toml": '# of the talker\nprot = 9\nline_max = 80\n\n"line_rate" = "fast"\n'},
    )
    assert [(one.name, one.line, one.group) for one in found] == [
        ("setting", 2, "Settings"),
        ("setting", 5, "Settings"),
    ]
    assert found[0].what == "setting 'prot' is unknown; did you mean 'port'?"
    assert "'line_rate' cannot be 'fast'" in found[1].what
    assert {one.file for one in found} == {str(tmp_path / "cletus.toml")}


def test_the_line_in_a_pyproject_is_that_of_its_table(check):
    text = '[tool.other]\nport = "x"\n\n[tool.cletus]\nport = "x"\n'
    (found,) = check("", {"pyproject.toml": text})
    assert (found.name, found.line) == ("setting", 5)


def test_the_environment_is_named_as_it_is_written(check):
    (found,) = check("", CLETUS_PROT="9")
    assert (found.file, found.line) == ("environment CLETUS_PROT", 0)
    assert "did you mean 'port'?" in found.what


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("cletus.toml", "port = \n", "cannot be read"),
        ("pyproject.toml", "[tool]\ncletus = 3\n", "should be a table"),
    ],
)
def test_a_file_that_is_no_table_is_named(name, text, words, check):
    (found,) = check("", {name: text})
    assert found.name == "setting-file"
    assert words in found.what


def test_a_table_that_nobody_looks_at_is_named(check, tmp_path):
    files = {"cletus.toml": "port = 9\n", "pyproject.toml": "[tool.cletus]\nport = 8\n"}
    (found,) = check("", files)
    assert (found.name, found.level.value, found.line) == ("setting-file", "warning", 1)


def test_right_settings_are_let_by(check):
    files = {"cletus.toml": "line_max = 80\n", "pyproject.toml": "[project]\nname = 'x'\n"}
    assert check("", files, CLETUS_PORT="9001", PATH="/bin") == []


def test_a_wrong_setting_of_the_code_has_the_line_of_the_code(check, tmp_path):
    found = check("service.configure(prot=3)  # HERE\n")
    one = must_be(found, "import", "did you mean 'port'?", tmp_path)
    assert one.group == "Import"


@pytest.mark.parametrize(("said", "expected"), [("motto", set()), ("moto", {"setting"})])
def test_an_application_s_own_settings_are_known(said, expected, check):
    text = """
        import cletus
        class Settings(cletus.Settings):
            motto: str = ""
        service = cletus.Service(Settings)  # not Service()
    """
    assert names(check(text, {"cletus.toml": f"{said} = 'x'"})) == expected


def test_the_old_name_of_a_setting_is_a_warning_and_its_value_is_checked(check):
    found = check("", {"cletus.toml": 'reload_quiet = 1\nusers_grace = "long"\n'})
    assert [(one.name, one.level.value, one.line) for one in found] == [
        ("setting-renamed", "warning", 1),
        ("setting-renamed", "warning", 2),
        ("setting", "error", 2),
    ]
    assert "reload_debounce" in found[0].todo
