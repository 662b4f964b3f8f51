"""What has to come to an end in the old process, since it cannot move: code that is at work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue
from cletus.client.listener_task import ListenerTask
from cletus.restart.snapshot import EndedTask
from cletus.service.service import Service


def work_of(service: Service) -> list[str]:
    """What is at work and waits for something else than a person, in words."""
    return list(_work_of(service))


def _work_of(service: Service) -> Iterator[str]:
    for client in service.clients:
        if not client.connected:
            yield f"{client!r} is being closed"
        for task in client.input.tasks:
            if not waits_for_person(client, task):
                yield f"{task.listener.function_name} is at work for {client!r}"
        for dialogue in client.dialogues:
            if dialogue.running is not None and not waits_for_person(client, dialogue.running):
                yield f"{dialogue!r}, {dialogue.step} is at work for {client!r}"
    for timer in service.session.current.timers:
        if timer.is_busy:
            yield f"timer {timer.target_name} is at work"


def waits_for_person(client: Client, task: ListenerTask) -> bool:
    """Whether a task waits for an answer, a time or an event, so that it can be started again."""
    if task.listener is not None and task.listener.on_reload == "continue":
        return False  # it must come to its own end, and cannot do so elsewhere
    return task.asking is not None or awaited_dialogue(client, task) is not None


def awaited_dialogue(client: Client, task: ListenerTask) -> Dialogue | None:
    """The dialogue under way whose end a task waits for."""
    dialogue: Dialogue | None = None if task.dialogue is None else task.dialogue()
    return dialogue if dialogue in client.dialogues else None


def end_conversations(service: Service, notice: str) -> list[EndedTask]:
    """End the ``async`` code of all clients, so that its ``finally`` blocks run.

    A step of a dialogue stays at its step, and asks again after the notice.

    Args:
        service: it runs.
        notice: what a person is told whose step is asked again.

    Returns:
        The listeners that start again, in this process or in another.
    """
    ended = []
    for client in service.clients:
        for task in client.input.tasks:
            end_task(client, task)
            if client.connected and task.listener.on_reload == "restart":
                ended.append(EndedTask.of(client, task))
        for dialogue in client.dialogues:
            if dialogue.running is not None:
                client.write("", notice)
                dialogue.running.dismiss()
    return ended


def end_task(client: Client, task: ListenerTask) -> None:
    """End one ``async`` listener, and the dialogue whose end it waits for."""
    awaited = awaited_dialogue(client, task)
    task.dismiss()
    if awaited is not None:
        _end_from(client, awaited)


def ends_with_process(service: Service, reactor: Any) -> Iterator[str]:
    """What of the application belongs to this process and ends with it, a sentence each.

    Args:
        service: it runs.
        reactor: Twisted's.
    """
    owns = service.session.application.owns
    for call in reactor.getDelayedCalls():
        function = getattr(call.func, "f", call.func)  # of a LoopingCall
        module = getattr(function, "__module__", None)
        if owns(module):
            seconds = call.getTime() - reactor.seconds()
            name = getattr(function, "__qualname__", repr(function))
            yield (
                f"callLater: {module}.{name} was due in {seconds:.1f} s and has ended; "
                "service.call_later() and @service.every move"
            )
    for thread in threading.enumerate():
        target = getattr(thread, "_target", None) or type(thread).run  # it has no public name
        if owns(getattr(target, "__module__", None)):
            yield f"the thread {thread.name} has ended: start it at PreStart, which fires here too"


def _end_from(client: Client, dialogue: Dialogue) -> None:
    """End this dialogue, and those on top of it."""
    stack = client.dialogues
    for ended in reversed(stack[stack.index(dialogue) :]):
        client.input.end_dialogue(ended)
        ended.stop()
