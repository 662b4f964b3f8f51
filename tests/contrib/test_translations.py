"""The texts of contrib are translated into German; each person reads theirs. ``test_texts.py`` finds them all."""

from __future__ import annotations

import string

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from cletus.testing import assert_survives_reload
from cletus.text.translation import OURS, catalogues
from tests.contrib.application import app, cletus_target, service
from tests.text.test_translation import save

__all__ = ["app", "cletus_target", "service"]

CONTRIB = OURS.parents[1] / "contrib"
PO = OURS / "de" / "LC_MESSAGES" / "cletus.po"
METHODS = [
    ("**/commands.py", "cletus.contrib.commands.extract:extract"),
    ("**.py", "python"),
    ("**/socials/common.toml", "cletus.contrib.socials.extract:extract"),
]
#: Placeholders that a translation may leave out: pronouns, which people choose in English.
PRONOUNS = {
    f"{prefix}{word}"
    for prefix in ("", "target_")
    for word in ("they", "them", "their", "themself")
}
KEYWORDS = {"_": None, "gettext": None, "gettext_noop": None, "N_": None, "ngettext": (1, 2)}


def extracted() -> set[str]:
    """The messages of contrib; of a plural, the singular."""
    found = extract_from_dir(CONTRIB, METHODS, keywords=KEYWORDS)
    return {
        message if isinstance(message, str) else message[0]
        for _file, _line, message, _comments, _context in found
    }


def test_the_template_has_every_message():
    """If this fails: ``make messages``, and translate what is empty."""
    with (OURS / "cletus.pot").open("rb") as file:
        template = {m.id if isinstance(m.id, str) else m.id[0] for m in read_po(file) if m.id}
    assert extracted() - template == set()


def test_german_is_complete_and_its_placeholders_are_those_of_the_english():
    with PO.open("rb") as file:
        catalogue = read_po(file, locale="de")
    messages = [message for message in catalogue if message.id]
    assert extracted() - {m.id if isinstance(m.id, str) else m.id[0] for m in messages} == set()
    for message in messages:
        english = [message.id] if isinstance(message.id, str) else list(message.id)
        german = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(german), message.id
        assert not message.fuzzy, message.id
        assert len(english) == len(german)
        for own, other in zip(english, german, strict=True):
            assert placeholders(own) == placeholders(other), message.id
            assert (own[-1] == " ", own[:1] == " ") == (other[-1] == " ", other[:1] == " "), own
            assert own.count("\n") == other.count("\n"), own


def placeholders(text: str) -> list[tuple[str, str | None, str | None]]:
    return sorted(
        {
            (name, spec, how)
            for _, name, spec, how in string.Formatter().parse(text)
            if name and name not in PRONOUNS
        },
        key=repr,
    )


def test_the_compiled_catalogue_is_that_of_the_source():
    """If this fails: ``make messages``."""
    with PO.open("rb") as file:
        catalogue = read_po(file, locale="de")
    with PO.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    assert texts(compiled) == texts(catalogue)


def texts(catalogue):
    """Its messages and their translations, those with a plural as lists."""
    return [
        [value if isinstance(value, str) else list(value) for value in (message.id, message.string)]
        for message in catalogue
    ]


# -- an evening ---------------------------------------------------------------------------------

APPLICATION = """
    from pathlib import Path

    from cletus import Service, events
    from cletus.contrib.channels import BaseChannel
    from cletus.contrib.commands import CommandRegistry, Rest
    from cletus.contrib.translations import use_translations
    from cletus.contrib.users import BaseAccount, Users
    from cletus.text import gettext as _

    service = Service()
    use_translations(service, Path(__file__).with_name("locale"))
    commands = CommandRegistry(service)

    class Channel(BaseChannel):
        service = service

    class User(BaseAccount):
        service = service

        def log_in(self, client):
            super().log_in(client)
            self.write(_("Do come in, {name}.", name=self))

    users = Users(service, User)

    @service.listen(events.Receive)
    def receive(event):
        return commands.run(event, event.data)

    channels = commands.group("Channels")
    commands.topic("manners", "How to be polite.")

    @commands.register
    def help(event, about: str = ""):
        event.user.write(*commands.help(event, about))

    @channels.register
    def create(event, name: str):
        "Create a channel."
        Channel.create(name, by=event.user)

    @channels.register
    def join(event, channel: Channel):
        '''Join a channel.

        Ask Bob.
        '''
        channel.join(event.user)

    @commands.register
    def on(event, channel: Channel, message: Rest):
        channel.say(event.user, message)

    @commands.register
    def kick(event, channel: Channel, user: User):
        channel.kick(user, by=event.user)
"""


def arrives(app, name, language=""):
    visitor = app.person()
    app.service.clients[-1].terminal.language = language
    return visitor.says(name), visitor


def new_account(app, name, language=""):
    _said, visitor = arrives(app, name, language)
    visitor.says("y", "correct horse", "correct horse")
    return visitor


@pytest.fixture
def locale(cletus_target):
    """The folder of the application's catalogues, with German for one text of its own."""
    folder = cletus_target.with_name("locale")
    save(folder, {"Do come in, {name}.": "Komm herein, {name}."})
    return folder


def test_a_german_evening(locale, app):
    asked, ann = arrives(app, "Ann", "de")
    assert asked == "Es gibt kein Konto namens Ann. Soll es angelegt werden (y: ja, n: nein)? "
    assert "Wähle ein Passwort: " in ann.says("y")
    assert "Dieses Passwort ist zu kurz: Es muss mindestens 8 Zeichen haben." in ann.says("short")
    ann.says("correct horse")
    assert "Komm herein, Ann." in ann.says("correct horse")
    bob = new_account(app, "Bob")
    assert "[lamp] Du bist dabei.\n" in ann.says("create lamp")
    assert "[lamp] You have joined.\n" in bob.says("join lamp")
    assert ann.reads() == "[lamp] Bob ist jetzt dabei.\n"
    assert ann.says("on lamp You have left.") == "[lamp] Ann: You have left.\n"  # what people say
    assert bob.says("kick lamp ann") == "Only moderators of lamp can do that.\n"
    assert ann.says("kick lamp ann bob") != ""
    ann.says("kick lamp bob")
    assert "Ann has removed you from lamp.\n" in bob.reads()
    assert "Es gibt keinen Befehl dance." in ann.says("dance")
    assert "There is no command dance." in bob.says("dance")


def test_help_is_in_the_language_of_who_asks(locale, app):
    save(
        locale,
        {
            "Join a channel.\n\nAsk Bob.": "Bei einem Kanal mitmachen.\n\nFrag Bob.",
            "Channels": "Kanäle",
            "How to be polite.": "Wie man höflich ist.",
        },
        name="help",
    )
    ann, bob = new_account(app, "Ann", "de"), new_account(app, "Bob")
    assert ann.says("help") == (
        "Kanäle\n"
        "  create <name>            Create a channel.\n"
        "  join <channel>           Bei einem Kanal mitmachen.\n"
        "\n"
        "Befehle\n"
        "  help [about]\n"
        "  kick <channel> <user>\n"
        "  on <channel> <message>\n"
        "\n"
        "Themen: manners.\n"
        "Schreib help und einen Namen, um mehr darüber zu lesen.\n"
    )
    assert (
        ann.says("help join")
        == "So geht es: join <channel>\n\nBei einem Kanal mitmachen.\n\nFrag Bob.\n"
    )
    assert ann.says("help manners") == "Wie man höflich ist.\n"
    assert "mitmachen" in ann.says("help mitmachen") != bob.says("help mitmachen")
    assert ann.says("help kick").endswith("\n\nEs gibt noch keine Beschreibung.\n")
    assert bob.says("help join").endswith("\n\nJoin a channel.\n\nAsk Bob.\n")


@pytest.mark.cletus(language="de")
def test_a_service_has_a_language_for_who_has_chosen_none(app):
    visitor = app.person()
    assert visitor.transcript == "Wie heißt du? "


def test_a_reload_sees_an_edited_catalogue(locale, app):
    ann = new_account(app, "Ann", "de")
    save(locale, {"You have joined.": "Schön, dass du da bist."})  # ours, in other words
    ann.says("create lamp")
    assert "Du bist dabei." in ann.transcript
    assert app.reload().ok
    assert "Schön, dass du da bist." in ann.says("create hall")


def test_a_refused_reload_leaves_the_words_as_they_are(locale, app, log):
    ann = new_account(app, "Ann", "de")
    save(locale, {"You have joined.": "Schön, dass du da bist."})
    assert not app.reload(lambda text: text + "\nraise RuntimeError\n").ok
    log.take_failures()
    assert "Du bist dabei." in ann.says("create lamp")


def test_a_language_survives_reloads_in_the_middle_of_a_question(locale, app):
    _asked, ann = arrives(app, "Ann", "de")
    assert_survives_reload(app.service)
    assert "Wähle ein Passwort: " in ann.says("y")
    assert app.reload(lambda text: text + "\nx = 1\n").ok
    assert "Zur Sicherheit noch einmal: " in ann.says("correct horse")


def test_the_end_of_a_service_forgets_its_catalogues(locale, app, service, clock):
    assert catalogues.folders[0] == locale
    service.stop()
    clock.advance(0)
    assert catalogues.folders == (OURS,)
