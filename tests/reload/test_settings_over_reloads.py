"""Settings that can change while the service runs do so with the commit; the others say that they wait."""

from __future__ import annotations

CORE = """
    import cletus
    from cletus import Service

    class Settings(cletus.Settings):
        motto: str = "hello"

    service = Service(Settings, line_max=100)
    service.configure(error_notice="Oh.")
"""


def test_what_a_module_body_sets_comes_into_force_with_the_commit(run):
    app = run(core=CORE)
    assert (app.service.settings.line_max, app.service.settings.error_notice) == (100, "Oh.")
    report = app.reload(core=lambda text: text.replace("100", "200"))
    assert report.ok, str(report)
    assert app.service.settings.line_max == 200


def test_what_it_does_not_set_any_more_is_back_at_its_default(run):
    app = run(core=CORE)
    app.reload(core=lambda text: text.replace('service.configure(error_notice="Oh.")', ""))
    assert app.service.settings.error_notice.startswith("Something went wrong")


def test_a_refused_reload_changes_no_setting(run):
    app = run(core=CORE)
    before = app.service.settings
    assert not app.reload(core=lambda text: text.replace("100", "200") + "\n1/0").ok
    assert app.service.settings is before


def test_a_setting_of_the_wrong_type_refuses_the_reload_and_is_named(run):
    app = run(core=CORE)
    report = app.reload(core=lambda text: text.replace("100", "'many'"))
    assert "line_max" in report.error


def test_a_setting_that_needs_a_restart_stays_and_says_so(run):
    app = run(core=CORE)
    report = app.reload(core=lambda text: text.replace("line_max=100", "port=4001"))
    assert report.ok
    assert app.service.settings.port == 9000
    assert "setting port: the change waits for a restart" in report.notes


def test_the_file_beside_the_application_is_read_again(run, tmp_path):
    app = run(core=CORE)
    app.service.read_settings(tmp_path, {"CLETUS_LINE_BURST": "7"})
    assert app.service.settings.line_burst == 7
    (tmp_path / "cletus.toml").write_text("line_rate = 5\nmotto = 'from the file'")
    assert app.reload().ok
    assert (app.service.settings.line_rate, app.service.settings.motto) == (5.0, "from the file")
    (tmp_path / "cletus.toml").write_text("line_rat = 5")
    report = app.reload()
    assert not report.ok
    assert "line_rate" in report.error
    assert app.service.settings.line_rate == 5.0


def test_an_application_s_own_settings_gain_and_lose_names(run):
    app = run(core=CORE)
    assert app.service.settings.motto == "hello"
    report = app.reload(core=lambda text: text.replace('motto: str = "hello"', "guests: int = 3"))
    assert report.ok, str(report)
    assert app.service.settings.guests == 3
    assert not hasattr(app.service.settings, "motto")


def test_what_others_have_configured_wins_over_module_bodies(run):
    app = run(core=CORE)
    app.service.configure(line_max=50)
    app.reload(core=lambda text: text.replace("100", "200"))
    assert app.service.settings.line_max == 50
