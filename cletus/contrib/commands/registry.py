"""Registers the commands of an application, and runs the lines that people type.

    commands = CommandRegistry(service, prefix=".")

    @commands.register
    def tell(event, who: User, message: Rest):
        "Say something to one person."

    @service.listen(events.Receive)
    def receive(event):
        return commands.run(event, event.data)

A registry is made by a module body, so a reload makes it anew with the new code. The listener is
the application's own. It returns what ``run`` returns, so that a reload can start the conversation
with an ``async`` command again.
"""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from inspect import iscoroutine
from typing import Any, Final, TypedDict, TypeVar, Unpack, overload

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.contrib import language
from cletus.contrib.commands import help  # noqa: A004 - the word for it in this trade
from cletus.contrib.commands.aliases import expand
from cletus.contrib.commands.command import (
    Command,
    Requirement,
    remaining_cooldown,
    start_cooldown,
)
from cletus.contrib.commands.converters import BUILT_IN, Converter
from cletus.contrib.commands.events import CommandFailed
from cletus.contrib.commands.prefix_table import PrefixTable
from cletus.contrib.commands.signature import Signature, UsageError, take_word
from cletus.contrib.developers import error_lines, is_developer
from cletus.contrib.language import say_duration
from cletus.errors import CallTimedOut, CommandDeclarationError, Disconnected, Refused
from cletus.events import ClientEvent, Complete
from cletus.logs.audit import audit
from cletus.renamed import ARGUMENTS, new_name
from cletus.service.service import Service
from cletus.text import gettext as _
from cletus.text import gettext_noop as N_  # noqa: N812 - as gettext's manual calls it
from cletus.text.translation import in_language

Function = TypeVar("Function", bound=Callable[..., Any])

#: What people read when a command raises; the log has the same reference.
FAILURE_TEXT = N_("Something went wrong in {name}. It has been logged as {reference}.")

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()


def _random_reference() -> str:
    return secrets.token_hex(3)


class Options(TypedDict, total=False):
    """Options of a command: as the attributes of ``Command``, and ``using``.

    Attributes:
        using: converters by name of the parameter, in place of that of its type.
    """

    aliases: tuple[str, ...]
    group: str
    requires: Requirement
    cooldown: float
    in_full: bool
    listed: bool
    using: Mapping[str, Converter]


#: What other services have before their commands.
OTHER_PREFIXES: Final = ("/", "!")

#: Characters of a line that the audit log quotes.
_AUDITED_MAX: Final = 200


class CommandRegistry:
    """A set of commands with a common prefix.

    Args:
        service: the service.
        prefix: typed before a command's name; may be empty.
        make_reference: returns a short text by which a failure is found in the log.

    Iterating over a registry yields its commands.

    Attributes:
        service, prefix: as given.
    """

    def __init__(
        self,
        service: Service,
        prefix: str = "",
        *,
        make_reference: Callable[[], str] = _random_reference,
    ) -> None:
        self.service = service
        self.prefix = prefix
        self._make_reference = make_reference
        self._converters: dict[type, Converter] = dict(BUILT_IN)
        self._commands: PrefixTable[Command] = PrefixTable()
        self._groups: dict[str, list[Command]] = {}
        self._topics: PrefixTable[str] = PrefixTable()
        service.listen(Complete)(self._complete)

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
        """Register a function as a command, and return it unchanged: ``@commands.register``.

        Args:
            function: called with the event and the arguments that its signature declares. It may be
                ``async``, and ask questions. Its docstring is the command's help.
            name: what people type; by default the function's name.
            options: see ``Options``.

        Raises:
            CommandDeclarationError: the name is taken, or the signature cannot be used.
        """
        options = _with_current_names(options)
        if function is None:
            return partial(self.register, name=name, **options)
        name = (name or function.__name__.strip("_")).lower()
        self._add(name, function, **options)
        return function

    def group(self, heading: str, *, requires: Requirement = None, **options: Any) -> Group:
        """A group of commands that help lists under one heading.

        Help lists the headings in the order in which they were first used.

        Args:
            heading: of the group.
            requires: who may use the commands of the group.
            options: nothing but the old name of ``requires``.
        """
        requires = _with_current_names(options).pop("requires", requires)
        self._groups.setdefault(heading, [])
        return Group(self, heading, requires)

    def topic(self, name: str, text: str) -> None:
        """Add a help text that does not belong to a command."""
        if name.lower() in self._topics:
            raise CommandDeclarationError(name, "there already is a topic of this name")
        self._topics.add(name.lower(), text)

    def converts(self, cls: type) -> Callable[[Function], Function]:
        """Register a converter for parameters of this type and its subclasses.

        ``@commands.converts(Colour)``; it must precede the commands that use it.
        """

        def add(function: Function) -> Function:
            self._converters[cls] = function
            return function

        return add

    # -- inspecting ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Command]:
        """All commands, group by group, in the order of their registration."""
        yield from (command for group in self._groups.values() for command in group)

    @property
    def topics(self) -> tuple[str, ...]:
        """The names of the help topics, sorted."""
        return tuple(self._topics)

    # -- running ----------------------------------------------------------------------------

    def run(self, event: ClientEvent, line: str) -> Any:
        """Run the command that a line names, with or without the registry's prefix.

        Returns:
            ``None``, or what the listener must return, so that the service waits for it.
        """
        if not self._split(line)[0]:
            return None
        try:
            line = self._expanded(line, event)
            name, text = self._split(line)
            command = self._find_audited(name, line, event)
            self._check_cooldown(command, event)
            values = self._read(command, text, event)
        except Refused as refused:
            event.client.write(refused)
            return None
        return self._call(command, event, values)

    def _find_audited(self, name: str, line: str, event: ClientEvent) -> Command:
        """As ``find``; the use and the refusal of a command that is not for everybody are audited."""
        exact = self._commands.get(name)
        if exact is not None and exact.is_restricted and not exact.is_for(event):
            audit("command refused", line[:_AUDITED_MAX])
        command = self.find(name, event)
        if command.is_restricted:
            audit("command used", line[:_AUDITED_MAX])
        return command

    def find(self, name: str, event: ClientEvent) -> Command:
        """The command of this name, or the only one whose name begins with it.

        Raises:
            Refused: there is none, or there are several.
        """
        name = name.lower()
        command = self._commands.get(name)
        if command is not None and command.is_for(event):
            return command
        fitting = {
            command.name: command
            for _name, command in self._commands.starting_with(name)
            if command.is_for(event) and not command.in_full
        }
        if len(fitting) == 1:
            return next(iter(fitting.values()))
        if fitting:
            raise Refused(
                _(
                    "{prefix}{name} could be {commands}.",
                    prefix=self.prefix,
                    name=name,
                    commands=language.listed(list(fitting)[:5], word="or"),
                )
            )
        begun = {begun.name: begun for _, begun in self._commands.starting_with(name)}
        refused = command or (next(iter(begun.values())) if len(begun) == 1 else None)
        reason = refused.refusal(event) if refused is not None else ""
        raise Refused(
            reason
            or _(
                "There is no command {prefix}{name}.{hint}",
                prefix=self.prefix,
                name=name,
                hint=self._hint(name, event),
            )
        )

    def is_command(self, name: str) -> bool:
        """Whether a command has this name or alias, whoever may use it."""
        return name.lower() in self._commands

    def hint(self, event: ClientEvent, line: str) -> str:
        """What to tell somebody who has typed a command without the prefix: ``Did you mean .help?``.

        Lines taken for that are a command behind the prefix of another service (``/who``, ``!who``), and
        a single word that is a listed command which can do without arguments.

        Returns:
            The question; empty if the line does not look like a command of theirs.
        """
        if not self.prefix or line.startswith(self.prefix):
            return ""
        sign = line[:1] if line[:1] in OTHER_PREFIXES else ""
        name, rest = take_word(line.removeprefix(sign))
        command = self._commands.get(name.lower())
        if command is None or not name.isalpha() or not command.is_for(event):
            return ""
        is_alone = not rest and command.listed and not command.signature.needs_words
        return (
            _("Did you mean {prefix}{name}?", prefix=self.prefix, name=name.lower())
            if sign or is_alone
            else ""
        )

    def help(self, event: ClientEvent, about: str = "") -> list[str]:
        """Help for the person of this event, in their language, as lines of at most 79 columns.

        Args:
            event: only commands that its user may use are shown.
            about: a command, a topic, or a word to search for; empty for the overview.
        """
        groups = self._for(event)
        terminal = getattr(event.client, "terminal", None)
        language = getattr(terminal, "language", "")
        if not about:
            listed = {
                heading: [command for command in group if command.listed]
                for heading, group in groups.items()
            }
            return help.overview(
                listed,
                self._topics,
                self.prefix,
                max(20, getattr(terminal, "columns", 0) or help.WIDTH),
                language,
                is_read_aloud=bool(getattr(terminal, "screen_reader", False)),
            )
        wanted = about.lower().removeprefix(self.prefix).strip()
        command = self._commands.get(wanted)
        if command is not None and command.is_for(event):
            return help.describe(command, self.prefix, language)
        topic = self._topics.get(wanted)
        if topic is not None:
            return help.wrapped(topic, language)
        texts = {command.name: command.text for group in groups.values() for command in group}
        texts |= {name: self._topics.get(name) or name for name in self._topics}
        translated = {name: in_language(_(text), language) for name, text in texts.items()}
        return help.search(about, translated, language)

    # -- inside -----------------------------------------------------------------------------

    def _complete(self, event: Complete) -> None:
        """Tab: the first word may become a command that they may use."""
        text = event.text.lstrip()
        if " " not in text and text.startswith(self.prefix):
            names = [command.name for command in self if command.listed and command.is_for(event)]
            names += getattr(event.user, "command_aliases", {})
            event.words.extend(f"{self.prefix}{name}" for name in names)

    def _add(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        aliases: tuple[str, ...] = (),
        group: str = "",
        requires: Requirement | tuple[Requirement, ...] = None,
        cooldown: float = 0.0,
        in_full: bool = False,
        listed: bool = True,
        using: Mapping[str, Converter] | None = None,
    ) -> None:
        signature = Signature(name, function, self._converters, using or {})
        requirements = requires if isinstance(requires, tuple) else (requires,)
        command = Command(
            name, function, signature, aliases, group, requirements, cooldown, in_full, listed
        )
        for alias in (name, *aliases):
            if not alias or alias in self._commands:
                reason = f"the name {alias!r} is taken" if alias else "it needs a name"
                raise CommandDeclarationError(name, reason)
            self._commands.add(alias, command)
        self._groups.setdefault(group or N_("Commands"), []).append(command)

    def _expanded(self, line: str, event: ClientEvent) -> str:
        """The line, in which an alias of the person's own has become what it stands for."""
        aliases = getattr(event.user, "command_aliases", None)
        return expand(line, aliases, self._split, self.is_command) if aliases else line

    def _split(self, line: str) -> tuple[str, str]:
        """Split a line into name and rest. A punctuation alias needs no space after it: ``'hello``."""
        line = line.strip().removeprefix(self.prefix)
        sign = line[:1]
        if sign and not sign.isalnum() and sign in self._commands:
            return sign, line[1:].strip()
        return take_word(line)

    def _check_cooldown(self, command: Command, event: ClientEvent) -> None:
        if command.cooldown:
            wait = remaining_cooldown(event.client, command.name, command.cooldown)
            if wait:
                raise Refused(
                    _(
                        "You can use {prefix}{name} again in {duration}.",
                        prefix=self.prefix,
                        name=command.name,
                        duration=say_duration(wait),
                    )
                )

    def _read(self, command: Command, text: str, event: ClientEvent) -> list[Any]:
        usage = _("Usage: {usage}", usage=self.prefix + command.usage)
        try:
            return command.signature.read(text, event)
        except UsageError as error:
            reason = error.args[0] if error.args else ""
            text = _("{reason}\n{usage}", reason=reason, usage=usage) if reason else usage
            raise Refused(text) from None

    def _hint(self, typed: str, event: ClientEvent) -> str:
        """``Did you mean``: the nearest name of a command that the person may use."""
        names = [name for name in self._commands if self._is_for(name, event)]
        near = difflib.get_close_matches(typed[:40], names, n=1)
        return _(" Did you mean {prefix}{near}?", prefix=self.prefix, near=near[0]) if near else ""

    def _is_for(self, name: str, event: ClientEvent) -> bool:
        command = self._commands.get(name)
        return command is not None and command.is_for(event)

    def _for(self, event: ClientEvent) -> dict[str, list[Command]]:
        def usable(commands: list[Command]) -> list[Command]:
            return sorted((c for c in commands if c.is_for(event)), key=lambda c: c.name)

        return {heading: usable(group) for heading, group in self._groups.items()}

    def _call(self, command: Command, event: ClientEvent, values: list[Any]) -> Any:
        try:
            result = command.function(event, *values)
        except (Exception, SystemExit, CallTimedOut) as error:  # noqa: BLE001 - it is reported, with a reference
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
            raise  # they left, or a reload restarts it: the dispatcher handles both
        except (Exception, SystemExit, CallTimedOut) as error:  # noqa: BLE001 - as in _call
            self._failed(command, event, error)
        else:
            self._succeeded(command, event)

    def _succeeded(self, command: Command, event: ClientEvent) -> None:
        """Start the cooldown at the end: a reload may restart a conversation, and must not be refused."""
        if command.cooldown:
            start_cooldown(event.client, command.name, command.cooldown)

    def _deferred_failed(self, failure: Failure, command: Command, event: ClientEvent) -> None:
        assert failure.value is not None  # noqa: S101 - Twisted's annotation allows it, a failure does not
        self._failed(command, event, failure.value)

    def _failed(self, command: Command, event: ClientEvent, error: BaseException) -> None:
        """Tell the person. The log gets the traceback, but not what they typed."""
        self.service.fire(CommandFailed(self.service, event.client, command.name, error))
        if isinstance(error, Refused):
            event.client.write(error)
            return
        reference, name = self._make_reference(), f"{self.prefix}{command.name}"
        _log.failure(
            "Command {name} failed for {client}, reference {reference}",
            failure=Failure(error),
            name=name,
            client=repr(event.client),
            reference=reference,
        )
        if is_developer(event.client.user):
            event.client.write(*error_lines(name, error, self.service))
        else:
            event.client.write(_(FAILURE_TEXT, name=name, reference=reference))


class Group:
    """Commands of a registry under one heading. Made by ``CommandRegistry.group``.

    A command may require more than its group does; both must hold.
    """

    def __init__(self, registry: CommandRegistry, heading: str, requires: Requirement) -> None:
        self._registry = registry
        self._heading = heading
        self._requires = requires

    @overload
    def register(
        self, function: Function, *, name: str = "", **options: Unpack[Options]
    ) -> Function: ...
    @overload
    def register(
        self, function: None = None, *, name: str = "", **options: Unpack[Options]
    ) -> Callable[[Function], Function]: ...
    def register(self, function: Any = None, **options: Any) -> Any:
        """As ``CommandRegistry.register``."""
        options = _with_current_names(options)
        options["requires"] = (self._requires, options.get("requires"))
        registered: Any = self._registry.register
        return registered(function, **{"group": self._heading, **options})


def _with_current_names(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a caller that may use their old names."""
    current = {}
    for name, value in options.items():
        current[new_name(ARGUMENTS["CommandRegistry.register"], name, stacklevel=5)] = value
    return current
