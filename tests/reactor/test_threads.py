"""Work in a thread of the reactor, if it has threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from zope.interface import implementer

from cletus.reactor.threads import call_in_thread
from tests.conftest import result_of


@implementer(IReactorThreads)
class Reactor:
    """Has one thread, which runs when the test says so."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []
        self.back: list[Callable[[], None]] = []

    def getThreadPool(self) -> Reactor:
        return self

    def callInThreadWithCallback(
        self, tell: Callable[[bool, Any], None], call: Callable[..., Any], *args: Any
    ) -> None:
        self.work.append(lambda: tell(True, call(*args)))

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.back.append(lambda: call(*args))


def test_it_is_done_in_a_thread_and_told_in_the_reactor() -> None:
    reactor = Reactor()
    done = call_in_thread(reactor, divmod, 7, 2)
    reactor.work.pop()()
    assert not done.called
    reactor.back.pop()()
    assert result_of(done) == (3, 1)


def test_without_threads_it_is_done_at_once() -> None:
    assert result_of(call_in_thread(Clock(), divmod, 7, 2)) == (3, 1)


def test_what_it_raises_comes_through_the_deferred() -> None:
    failed = call_in_thread(Clock(), divmod, 7, 0)
    errors: list[Any] = []
    failed.addErrback(errors.append)
    assert errors[0].check(ZeroDivisionError)
