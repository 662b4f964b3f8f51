"""``Log``: what is logged while a test runs, and which log events are errors."""

from __future__ import annotations

from twisted.logger import Logger

from cletus.testing import Log


def logged() -> Log:
    """A log with a line, a warning, an error and a failure in it."""
    logger = Logger()
    with Log().listening() as log:
        logger.info("{who} comes in", who="Ann")
        logger.warn("it is late")
        logger.error("the door sticks")
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logger.failure("the sum fails")
    logger.error("nobody listens any more")
    return log


def test_it_has_what_is_logged_meanwhile() -> None:
    log = logged()
    assert log.lines == ["Ann comes in", "it is late", "the door sticks", "the sum fails"]
    assert [failure.type for failure in log.failures] == [ZeroDivisionError]


def test_errors_and_failures_are_there_until_they_are_taken() -> None:
    log = logged()
    assert log.take_failures() == [
        "the door sticks",
        "the sum fails: ZeroDivisionError: division by zero",
    ]
    assert log.take_failures() == []
    assert log.lines == ["Ann comes in", "it is late"]


def test_they_can_be_taken_with_their_tracebacks() -> None:
    error, failure = logged().take_tracebacks()
    assert error == "the door sticks"
    assert failure.startswith("the sum fails: ZeroDivisionError: division by zero\nTraceback")
    assert "_ = 1 / 0" in failure


def test_it_goes_on_listening_after_errors_were_taken() -> None:
    logger = Logger()
    with Log().listening() as log:
        logger.error("one")
        log.take_failures()
        logger.error("two")
    assert log.take_failures() == ["two"]
