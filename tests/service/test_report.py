"""What a report says, and how."""

from __future__ import annotations

from cletus.service.report import Outcome, ReloadReport


def report(**facts):
    return ReloadReport(outcome=Outcome.COMMITTED, generation=1, **facts)


def test_a_loss_is_a_warning_that_says_what_to_do():
    text = str(report(fields_dropped={"User.gold": 3}, stores_parked={"room": 1}))
    assert "warning: field User.gold is gone: 3 values parked" in text
    assert 'Field(renamed_from="gold")' in text
    assert "warning: store room is gone: 1 object parked" in text
    assert 'renamed_from = "room"' in text


def test_a_renaming_and_a_field_without_values_are_not_losses():
    renamed = report(notes=["renamed: Thing.gold → coins"], fields_dropped={"Thing.size": 0})
    assert not renamed.has_warnings
    assert report(warnings=["it is lost"]).has_warnings


def test_people_are_a_number():
    assert "talk is still running for 1 person," in str(report(still_running={"talk": 1}))
    assert "talk is still running for 2,000 people," in str(report(still_running={"talk": 2000}))


def test_each_cause_is_said_once():
    text = str(report(holders=["a timer holds it"] * 3 + ["a thread holds it"]))
    assert text.count("a timer holds it") == 1
    assert "a timer holds it (3 times)" in text
    assert text.endswith("a thread holds it")


def test_what_recurs_with_each_save_is_said_once():
    first = report(
        warnings=["service.pool stays as it is"],
        holders=["old code is still alive (app.a of generation 1): a is held by the pool"],
    )
    again = report(
        warnings=["service.pool stays as it is", "another is new"],
        holders=["old code is still alive (app.b of generation 2): a is held by the pool"],
        known=first.recurring(),
    )
    assert "pool" in str(first)
    assert "pool" not in str(again)
    assert "warning: another is new" in str(again)
    assert "pool" not in str(report(warnings=first.warnings, known=again.recurring()))


def test_counts_are_english():
    text = str(report(stores={"a": 1}, stores_returned={"a": 1}, restarted=1))
    assert "1 object carried" in text
    assert "1 object returned" in text
    assert "1 conversation started again" in text
