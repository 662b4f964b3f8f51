"""What one person is being asked: questions in the order of asking, each answered by one line."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from cletus.client.conversation import Conversation, current
from cletus.errors import Disconnected
from cletus.logs.context import hidden_line

if TYPE_CHECKING:
    from cletus.client.client import Client


class Questions:
    """Those that have no answer yet.

    Args:
        client: who is asked.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: deque[Deferred[str]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self) -> Deferred[str]:
        """One more; the Deferred fires with its answer.

        The conversation whose code is running is noted as waiting for it, if it is with this person:
        a reload can start that again.
        """
        answer: Deferred[str] = Deferred(self._withdraw)
        self._waiting.append(answer)
        conversation = current()
        if conversation is not None and conversation.client is self._client:
            conversation.asking = answer
            answer.addBoth(_answered, conversation)
        return answer

    def answer(self, line: str) -> None:
        """Answer the first of them."""
        self._waiting.popleft().callback(line)

    def abandon(self) -> None:
        """Nobody will answer any more."""
        while self._waiting:
            self._waiting.popleft().errback(left(self._client))

    def _withdraw(self, answer: Deferred[str]) -> None:
        """A cancelled question takes no line."""
        if answer in self._waiting:
            self._waiting.remove(answer)


def left(client: Client) -> Disconnected:
    """What somebody who waits for an answer is told."""
    return Disconnected(f"{client!r} left before answering")


def _answered(result: Any, conversation: Conversation) -> Any:
    conversation.asking = None
    conversation.hidden = hidden_line()
    return result
