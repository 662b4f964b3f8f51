"""Every string in contrib that has words goes through gettext, unless it is listed here as something else.

What reaches a person takes many ways: an argument, a variable, a default, a list, a return value. So the
test doesn't follow them: it looks at all strings, and asks of each why it needs no translation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from cletus.text.translation import OURS

CONTRIB = OURS.parents[1] / "contrib"

#: Words: several, with or without punctuation between them; or one that begins or ends a sentence.
WORDS = re.compile(
    r"[A-Za-z]{2,}[,.:;?!)'\"]* +[\w({]|\b[A-Za-z]{2,}[.:?!]\s*$|[\w}] [A-Za-z]{2,}|^[A-Z][a-z]+$"
)
#: A single word, of which a message is made.
WORD = re.compile(r"[A-Za-z]{2,}")

GETTEXT = {"_", "N_", "gettext", "gettext_noop", "ngettext"}

#: Calls whose strings are for operators (the log, the audit log, why a connection ends) or for programmers.
FOR_OTHERS = {
    "audit", "info", "warn", "warning", "error", "failure", "debug", "counter",
    "close", "leave", "stop",
    "ValueError", "TypeError", "LookupError", "YAMLError", "CommandDeclarationError", "DialogueError", "SocialError",
    "RoomFileError", "_error",
    "compile", "split", "type", "TypeVar", "ContextVar",
}  # fmt: skip

#: Modules whose strings are for operators at a command line, or for programmers, or a table of nouns.
MODULES = {
    "language/plurals.py",
    "users/cli.py",
    "users/admin.py",
    "users/checks.py",
    "commands/checks.py",
}

#: Strings that are not sentences of ours: names, parts of a protocol, and English that is made by rules.
NOT_SENTENCES = {
    "commands/signature.py": {"the rest of the line"},  # marks a type
    "developers.py": {"{}:{} in {}\n    {}"},  # a frame, as Python writes it
    "gmcp/gmcp.py": {".go {exit}", ".on {channel}"},
    "irc/lines.py": {":{} PRIVMSG {} :"},
    "irc/link.py": {"<{} on {}>"},  # a repr
    "irc/protocol.py": {
        "PRIVMSG {} :{}", "PART {}", "JOIN {} {}", "NICK {}", "PASS {}", "USER {} 0 * :{}", "NICK {}{}",
    },
    "things/nouns.py": {"the {}"},
    "users/hashing.py": {"nobody has this password"},
    "users/mixins.py": {"guest {}"},  # a key
    "users/names.py": {"Lu", "Ll", "Lo"},  # categories of Unicode
    "users/throttle.py": {"network {}"},  # the name of a counter
}  # fmt: skip

#: Strings that are read in a log, in errors of the application's code or files, or when a connection ends.
FOR_THE_LOG = {
    "commands/registry.py": {"the name {} is taken", "it needs a name"},
    "commands/signature.py": {
        "parameter {} is keyword-only; typed words have no names",
        "there is no converter for {}, the type of parameter {}",
        "{} takes the rest of the line, so it must be the last",
    },
    "data_file.py": {"line {}, column {}"},
    "menus/form.py": {"is secret", "does not exist"},
    "orm/model_field.py": {
        "{} is not a class that SQLAlchemy has mapped",
        "a list of the {} columns of the primary key",
        "an object of {}",
        "{} {}, field {}",
    },
    "rooms/room_file.py": {
        "room {}",
        "{} has an unknown field {}; the fields are {}",
        "{}: the exit {} is not a text; put it in quotation marks",
        "{}: there are two exits {}",
    },
    "things/thing_file.py": {"thing {}", "{} has an unknown field {}; the fields are {}"},
    "users/bans.py": {"until {}"},
    "users/login.py": {
        "too many names", "could not repeat a password", "wrong passwords",
        "replaced by a new connection",
    },
    "users/throttle.py": {
        "{} from {}", "account {} from {}", "known accounts of address {}", "address {}", "account {}",
    },
}  # fmt: skip


def strings(module: str) -> Iterator[tuple[int, str]]:
    """Line and text of each string with words that is neither a message, nor a docstring, nor for others."""

    def look(node: ast.AST, words: re.Pattern[str] = WORDS) -> Iterator[tuple[int, str]]:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Assign(targets=[ast.Name(id="__all__")]):
                return  # a docstring, names
            case ast.Constant(value=str(text)) if words.search(text):
                yield node.lineno, text
            case ast.JoinedStr(values=parts):
                text = "".join(
                    part.value if isinstance(part, ast.Constant) else "{}" for part in parts
                )
                if words.search(text):
                    yield node.lineno, text
                yield from children(*(part for part in parts if not isinstance(part, ast.Constant)))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in GETTEXT:
                # Its values are put into a sentence: there, a single word is read, too.
                for keyword in node.keywords:
                    yield from look(keyword.value, WORD)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in FOR_OTHERS:
                return
            case ast.IfExp() | ast.BoolOp():
                for child in ast.iter_child_nodes(node):
                    yield from look(child, words)
            case ast.arg():
                return  # an annotation
            case ast.AnnAssign(target=target, value=value):
                yield from children(target, *([] if value is None else [value]))
            case _:
                yield from children(*ast.iter_child_nodes(node))

    def children(*nodes: ast.AST) -> Iterator[tuple[int, str]]:
        for node in nodes:
            yield from look(node)

    return look(ast.parse(module))


@pytest.mark.parametrize(
    "path", sorted(CONTRIB.rglob("*.py")), ids=lambda path: str(path.relative_to(CONTRIB))
)
def test_strings_are_messages_or_are_not_read_by_people(path):
    name = str(path.relative_to(CONTRIB))
    if name in MODULES:
        return
    texts = {text for _line, text in strings(path.read_text())}
    others = NOT_SENTENCES.get(name, set()) | FOR_THE_LOG.get(name, set())
    assert texts - others == set(), "give it to gettext, or list it"
    assert others - texts == set(), "no longer there: take it from the list"


@pytest.mark.parametrize(
    "path", sorted(CONTRIB.rglob("*.py")), ids=lambda path: str(path.relative_to(CONTRIB))
)
def test_no_text_is_made_plain_on_its_way_to_people(path):
    """``str()`` of a text, or of an error that has one, is English."""
    if str(path.relative_to(CONTRIB)) not in MODULES:
        pattern = (
            r"(?:write|refuse|Refused|page|prompt)\(str\((?!report).*"  # developers read reports
        )
        assert re.findall(pattern, path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        'user.write("You left.")',
        'page(client, lines or ["No reports wait."])',
        'text = "You have left"\nuser.write(text)',
        'return f"{user} was here"',
        'def enter(self, saved="Saved."): ...',
        'FAREWELL: Final = {"bye": "See you soon"}',
        'table(("Name", _("Age")), rows)',
        'user.write(_("{name} takes {count}", name=name, count=f"{n} words"))',
        'user.write(_("It is {state}.", state="open" if is_open else _("closed")))',
        'user.write(_("{who} left.", who=user or "nobody"))',
        'user.write(", ".join(names) or "none of them")',
        'raise Refused(f"{typed!r} is not one of the choices.")',
        'lines.append("Topics: " + names)',
        'yield "%s is asleep" % user',
    ],
)
def test_a_text_that_does_not_go_through_gettext_is_seen_wherever_it_is(line):
    assert list(strings(line))


@pytest.mark.parametrize(
    "line",
    [
        'user.write(_("You left."))',
        'user.write(_("{name} has {lamps}.", name=user, lamps=_("two lamps")))',
        'SAVED = N_("Saved.")',
        'log.warn("{name} was not saved", name="Ann")',
        'def f():\n    """A docstring of some words."""',
        'def f(x: "list of str") -> None: ...',
        'value = data["key"]',
    ],
)
def test_other_strings_are_left_alone(line):
    assert not list(strings(line))
