"""The commands of an application: registered by their functions, found by what people type.

    commands = CommandRegistry(service, prefix=".")

    @commands.register
    def tell(event, who: User, message: Rest):
        "Say something to one person."

    @service.listen(events.Receive)
    def receive(event):
        return commands.run(event, event.data)

A registry is made by a module body, so a reload makes it anew with the new code. The listener is
the application's own and hands on what ``run`` gives, so that a conversation with an ``async``
command is one that a reload knows how to start again.
"""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from inspect import iscoroutine
from typing import Any, TypedDict, TypeVar, Unpack, overload

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.contrib import language
from cletus.contrib.commands import help  # noqa: A004 - the word for it in this trade
from cletus.contrib.commands.command import Can, Command, remaining, start
from cletus.contrib.commands.converters import BUILT_IN, Converter
from cletus.contrib.commands.prefix_table import NameTable
from cletus.contrib.commands.signature import Signature, Unfitting, take_word
from cletus.contrib.language import say_duration
from cletus.errors import CommandDeclarationError, Disconnected, Refused
from cletus.events import ClientEvent
from cletus.service.service import Service

Function = TypeVar("Function", bound=Callable[..., Any])

#: What a mistake in a command is told as; its last word stands in the log as well.
MISTAKE = "Something went wrong in {name}. It has been logged as {reference}."

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()


def _a_reference() -> str:
    return secrets.token_hex(3)


class Options(TypedDict, total=False):
    """What may be said of a command when it is registered: most is as for ``Command``.

    Attributes:
        using: converters by name of parameter, in place of those of their types.
    """

    aliases: tuple[str, ...]
    group: str
    can: Can
    cooldown: float
    in_full: bool
    listed: bool
    using: Mapping[str, Converter]


class CommandRegistry:
    """All commands of one kind.

    Args:
        service: whose.
        prefix: what people type before a command's name; it may be nothing.
        make_reference: gives a short text that finds a mistake in the log.

    Iterating over one gives its commands.

    Attributes:
        service, prefix: as given.
    """

    def __init__(
        self,
        service: Service,
        prefix: str = "",
        *,
        make_reference: Callable[[], str] = _a_reference,
    ) -> None:
        self.service = service
        self.prefix = prefix
        self._make_reference = make_reference
        self._converters: dict[type, Converter] = dict(BUILT_IN)
        self._commands: NameTable[Command] = NameTable()
        self._groups: dict[str, list[Command]] = {}
        self._topics: NameTable[str] = NameTable()

    # -- declaring --------------------------------------------------------------------------

    @overload
    def register(
        self, function: Function, *, name: str = "", **options: Unpack[Options]
    ) -> Function: ...
    @overload
    def register(
        self, function: None = None, *, name: str = "", **options: Unpack[Options]
    ) -> Callable[[Function], Function]: ...
    def register(self, function: Any = None, *, name: str = "", **options: Any) -> Any:
        """Make a command of a function, which stays as it is: ``@commands.register``.

        Args:
            function: takes the event, and then what its signature says. It may be ``async``, and
                ask questions. Its docstring is the command's help.
            name: what is typed; by default the function's name.
            options: see ``Options``.

        Raises:
            CommandDeclarationError: the name is taken, or the signature cannot be read.
        """
        if function is None:
            return partial(self.register, name=name, **options)
        name = (name or function.__name__.strip("_")).lower()
        self._add(name, function, **options)
        return function

    def group(self, heading: str, *, can: Can = None) -> Group:
        """Commands that help lists under one heading, and that the same people may use.

        Help has the headings in the order in which they were first named.
        """
        self._groups.setdefault(heading, [])
        return Group(self, heading, can)

    def topic(self, name: str, text: str) -> None:
        """Add a help text that is about no command."""
        if name.lower() in self._topics:
            raise CommandDeclarationError(name, "there is a topic of this name already")
        self._topics.add(name.lower(), text)

    def converts(self, kind: type) -> Callable[[Function], Function]:
        """Have a function convert words for parameters of this type and its subclasses.

        ``@commands.converts(Colour)``; it must stand before the commands that use it.
        """

        def add(function: Function) -> Function:
            self._converters[kind] = function
            return function

        return add

    # -- looking ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Command]:
        """All commands, group by group, each in the order of its registrations."""
        yield from (command for group in self._groups.values() for command in group)

    @property
    def topics(self) -> tuple[str, ...]:
        """The names of the help texts that are about no command, sorted."""
        return tuple(self._topics)

    # -- running ----------------------------------------------------------------------------

    def run(self, event: ClientEvent, line: str) -> Any:
        """Do what a line says, with the registry's prefix or without it.

        Returns:
            ``None``, or what a listener must return in turn so that it is waited for.
        """
        name, text = self._split(line)
        if not name:
            return None
        try:
            command = self.find(name, event)
            self._check_cooldown(command, event)
            values = self._read(command, text, event)
        except Refused as refused:
            event.client.write(*str(refused).split("\n"))
            return None
        return self._call(command, event, values)

    def find(self, name: str, event: ClientEvent) -> Command:
        """The command that the person of this event means.

        Raises:
            Refused: there is none, or there are several; the message says so.
        """
        name = name.lower()
        command = self._commands.get(name)
        if command is not None and command.is_for(event):
            return command
        begun = self._commands.starting_with(name)
        fitting = {one.name: one for _, one in begun if one.is_for(event) and not one.in_full}
        if len(fitting) == 1:
            return next(iter(fitting.values()))
        if fitting:
            raise Refused(
                f"{self.prefix}{name} could be {language.listed(list(fitting)[:5], word='or')}."
            )
        raise Refused(f"There is no command {self.prefix}{name}.{self._hint(name, event)}")

    def help(self, event: ClientEvent, about: str = "") -> list[str]:
        """Lines of help for the person of this event, of at most 79 columns.

        Args:
            event: only commands that they may use are told of.
            about: a command, a topic, or a word to search for; nothing gives the overview.
        """
        groups = self._for(event)
        if not about:
            shown = {name: [one for one in group if one.listed] for name, group in groups.items()}
            return help.overview(shown, self._topics, self.prefix)
        wanted = about.lower().removeprefix(self.prefix).strip()
        command = self._commands.get(wanted)
        if command is not None and command.is_for(event):
            return help.describe(command, self.prefix)
        topic = self._topics.get(wanted)
        if topic is not None:
            return help.wrapped(topic)
        texts = {one.name: one.text for group in groups.values() for one in group}
        return help.search(
            about, texts | {name: self._topics.get(name) or "" for name in self._topics}
        )

    # -- inside -----------------------------------------------------------------------------

    def _add(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        aliases: tuple[str, ...] = (),
        group: str = "",
        can: Can | tuple[Can, ...] = None,
        cooldown: float = 0.0,
        in_full: bool = False,
        listed: bool = True,
        using: Mapping[str, Converter] | None = None,
    ) -> None:
        signature = Signature(name, function, self._converters, using or {})
        cans = can if isinstance(can, tuple) else (can,)
        command = Command(
            name, function, signature, aliases, group, cans, cooldown, in_full, listed
        )
        for each in (name, *aliases):
            if not each or each in self._commands:
                reason = f"the name {each!r} is taken" if each else "it needs a name"
                raise CommandDeclarationError(name, reason)
            self._commands.add(each, command)
        self._groups.setdefault(group or "Commands", []).append(command)

    def _split(self, line: str) -> tuple[str, str]:
        """Name and rest of a line; an alias that is a sign needs no space after it: ``'hello``."""
        line = line.strip().removeprefix(self.prefix)
        sign = line[:1]
        if sign and not sign.isalnum() and sign in self._commands:
            return sign, line[1:].strip()
        return take_word(line)

    def _check_cooldown(self, command: Command, event: ClientEvent) -> None:
        if command.cooldown:
            wait = remaining(event.client, command.name)
            if wait:
                raise Refused(f"You can use {self.prefix}{command.name} in {say_duration(wait)}.")

    def _read(self, command: Command, text: str, event: ClientEvent) -> list[Any]:
        usage = f"Usage: {self.prefix}{command.usage}"
        try:
            return command.signature.read(text, event)
        except Unfitting as unfitting:
            raise Refused(f"{unfitting}\n{usage}".strip()) from None

    def _hint(self, name: str, event: ClientEvent) -> str:
        """``Did you mean``; only now are names compared one by one."""
        names = [one for one in self._commands if self._may(one, event)]
        near = difflib.get_close_matches(name[:40], names, n=1)
        return f" Did you mean {self.prefix}{near[0]}?" if near else ""

    def _may(self, name: str, event: ClientEvent) -> bool:
        command = self._commands.get(name)
        return command is not None and command.is_for(event)

    def _for(self, event: ClientEvent) -> dict[str, list[Command]]:
        return {
            heading: sorted((one for one in group if one.is_for(event)), key=lambda one: one.name)
            for heading, group in self._groups.items()
        }

    def _call(self, command: Command, event: ClientEvent, values: list[Any]) -> Any:
        try:
            result = command.function(event, *values)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is reported, with a reference
            self._failed(command, event, error)
            return None
        if iscoroutine(result):
            return self._converse(command, event, result)
        self._succeeded(command, event)
        if isinstance(result, Deferred):
            result.addErrback(self._deferred_failed, command, event)
        return result

    async def _converse(
        self, command: Command, event: ClientEvent, coroutine: Coroutine[Any, Any, Any]
    ) -> None:
        try:
            await coroutine
        except (Disconnected, CancelledError):
            raise  # they left, or a reload starts it again: the dispatcher knows
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as in _call
            self._failed(command, event, error)
        else:
            self._succeeded(command, event)

    def _succeeded(self, command: Command, event: ClientEvent) -> None:
        """The cooldown runs from the end, so that a conversation may be started again by a reload."""
        if command.cooldown:
            start(event.client, command.name, command.cooldown)

    def _deferred_failed(self, failure: Failure, command: Command, event: ClientEvent) -> None:
        assert failure.value is not None  # noqa: S101 - Twisted's annotation allows it, a failure does not
        self._failed(command, event, failure.value)

    def _failed(self, command: Command, event: ClientEvent, error: BaseException) -> None:
        """Tell the person; a mistake of the code goes to the log in full, but not what they typed."""
        if isinstance(error, Refused):
            event.client.write(*str(error).split("\n"))
            return
        reference, name = self._make_reference(), f"{self.prefix}{command.name}"
        _log.failure(
            "Command {name} failed for {client}, reference {reference}",
            failure=Failure(error),
            name=name,
            client=repr(event.client),
            reference=reference,
        )
        event.client.write(MISTAKE.format(name=name, reference=reference))


class Group:
    """Commands of a registry that stand under one heading.

    Args:
        registry: whose.
        heading: what help calls them.
        can: who may use them; a command of the group may ask for more.
    """

    def __init__(self, registry: CommandRegistry, heading: str, can: Can) -> None:
        self._registry = registry
        self._heading = heading
        self._can = can

    @overload
    def register(
        self, function: Function, *, name: str = "", **options: Unpack[Options]
    ) -> Function: ...
    @overload
    def register(
        self, function: None = None, *, name: str = "", **options: Unpack[Options]
    ) -> Callable[[Function], Function]: ...
    def register(self, function: Any = None, *, can: Can = None, **options: Any) -> Any:
        """As ``CommandRegistry.register``."""
        options = {"group": self._heading, "can": (self._can, can), **options}
        registered: Any = self._registry.register
        return registered(function, **options)
