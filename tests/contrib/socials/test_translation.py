"""Socials in the language of each reader."""

from __future__ import annotations

import copy
import io
import pickle
from types import SimpleNamespace

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg

from cletus.contrib.socials import Socials, Template, View
from cletus.text import Text
from cletus.text.translation import OURS, catalogues
from tests.contrib.application import app, cletus_target, service
from tests.text.test_translation import save

__all__ = ["app", "cletus_target", "service"]

APPLICATION = """
    from pathlib import Path

    from cletus import Service, events
    from cletus.contrib.commands import CommandRegistry, Rest, online
    from cletus.contrib.socials import COMMON, Socials, read_target
    from cletus.contrib.translations import use_translations
    from cletus.contrib.users import BaseUser

    service = Service()
    use_translations(service, Path(__file__).with_name("locale"))
    commands = CommandRegistry(service)

    class User(BaseUser):
        service = service

    @service.listen(events.Receive)
    def receive(event):
        if event.user is None:
            name, event.client.terminal.language = event.data.split()
            User(name, name=name).log_in(event.client)
            return None
        return commands.run(event, event.data)

    def add(social):
        def perform(event, words: Rest = ""):
            target, how = read_target(words, lambda name: online(name, User, event))
            social.perform(event.user, target, how, others=User.manager.online())

        commands.register(perform, name=social.name)

    own = Path(__file__).with_name("socials.toml")
    for social in Socials(COMMON, own):
        add(social)
"""

OWN = "[juggle]\nalone = '{actor} {juggle} {how} with {their} lanterns.'\n"
GERMAN = {
    "You juggle {how} with your lanterns.": "Du jonglierst {how} mit deinen Laternen.",
    "{actor} juggles {how} with {their} lanterns.": "{actor} jongliert {how} mit Laternen.",
}


@pytest.fixture
def locale(cletus_target):
    """The folder of the application's catalogues."""
    cletus_target.with_name("socials.toml").write_text(OWN)
    save(cletus_target.with_name("locale"), GERMAN)
    return cletus_target.with_name("locale")


def arrives(app, name, language):
    visitor = app.person()
    visitor.says(f"{name} {language}")
    return visitor


def test_each_reader_reads_it_in_their_language(locale, app):
    ann, bob = arrives(app, "Ann", "en"), arrives(app, "Bob", "de")
    cid, dot = arrives(app, "Cid", "de"), arrives(app, "Dot", "en")
    assert ann.says("smile at bob") == "You smile at Bob.\n"
    assert bob.reads() == "Ann lächelt dich an.\n"
    assert cid.reads() == "Ann lächelt Bob an.\n"
    assert dot.reads() == "Ann smiles at Bob.\n"
    assert bob.says("hug me heftig") == "Du umarmst dich selbst heftig.\n"
    assert (cid.reads(), dot.reads()) == (
        "Bob umarmt sich selbst heftig.\n",
        "Bob hugs themself heftig.\n",
    )


def test_own_socials_are_translated_by_a_catalogue_of_the_application(locale, app):
    ann, bob = arrives(app, "Ann", "de"), arrives(app, "Bob", "de")
    assert ann.says("juggle") == "Du jonglierst mit deinen Laternen.\n"
    assert bob.reads() == "Ann jongliert mit Laternen.\n"


def test_an_edited_catalogue_is_seen_after_a_reload(locale, app):
    ann, bob = arrives(app, "Ann", "de"), arrives(app, "Bob", "de")
    assert ann.says("wave") == "Du winkst.\n"
    assert bob.reads() == "Ann winkt.\n"
    save(locale, {"{actor} waves {how}.": "{actor} winkt {how} mit einem Tuch."}, name="more")
    assert app.reload().ok
    assert ann.says("wave froh") == "Du winkst froh.\n"
    assert bob.reads() == "Ann winkt froh mit einem Tuch.\n"


def test_it_is_translated_once_for_each_language_not_for_each_reader(locale, app, monkeypatch):
    ann = arrives(app, "Ann", "en")
    others = [arrives(app, f"Bob{letter}", "de") for letter in "abcdefgh"]
    languages = []

    def counted(text, language, in_language=Text.in_language):
        languages.append(language)
        return in_language(text, language)

    monkeypatch.setattr(Text, "in_language", counted)
    ann.says("smile")
    assert languages.count("de") == 1
    assert {visitor.reads() for visitor in others} == {"Ann lächelt.\n"}


class Person:
    """Somebody with pronouns that no sentence in German may show."""

    def __init__(self, name, plural=False):
        self.name = name
        self.pronouns = SimpleNamespace(
            subject="XX", object="XX", possessive="XX", reflexive="XX", plural=plural
        )

    def __str__(self):
        return self.name


ANN, BOB, CID = Person("Ann"), Person("Bob", plural=True), Person("Cid")


def sentences(social):
    """Its sentences, with each target they can have, and each reader."""
    for template in filter(None, (social.alone, social.at)):
        for target in (BOB, CID, ANN) if template.needs_target else (None,):
            for reader in (ANN, target or ANN, Person("Dot")):
                yield template, target, reader


@pytest.mark.parametrize("social", list(Socials()), ids=lambda social: social.name)
def test_those_that_come_with_cletus_read_as_german(social):
    for template, target, reader in sentences(social):
        line = template.render(View(ANN, target, reader)).in_language("de")
        assert line.startswith("Du " if reader is ANN else "Ann ")
        assert line.endswith(".")
        assert "  " not in line
        words = set(line.strip(".").replace(",", "").split())
        assert bool({"dich", "dir", "du"} & words) == (reader is target) or reader is ANN
        assert not {"XX", "you", "your", "yourself"} & words
        slowly = template.render(View(ANN, target, reader, "langsam")).in_language("de")
        assert slowly.replace(" langsam", "", 1) == line != slowly


def test_a_translation_leaves_no_gap_and_begins_with_a_capital_letter(tmp_path):
    save(tmp_path, {"{actor} waves {how}.": "{how} an winkt {actor} {how} ."})
    catalogues.use(tmp_path)
    text = Template("{actor} {wave} {how}.").render(View("ann", None, None))
    try:
        for same in (text, pickle.loads(pickle.dumps(text)), copy.deepcopy(text)):
            assert same == "Ann waves."
            assert same.in_language("de") == "An winkt ann."
    finally:
        catalogues.use()


def test_the_messages_of_a_sentence_are_those_of_all_its_readers_and_pronouns():
    assert Template("{actor} {hug} {target}; {they} {be} glad.").messages() == [
        "You hug {target}; you are glad.",
        "{actor} hugs you; {they} is glad.",
        "{actor} hugs {target}; {they} is glad.",
        "You hug yourself; you are glad.",
        "{actor} hugs {themself}; {they} is glad.",
        "{actor} hugs you; {they} are glad.",
        "{actor} hugs {target}; {they} are glad.",
        "{actor} hugs {themself}; {they} are glad.",
    ]


COMMANDS = """
from cletus.text import gettext as _


@commands.register
def flag(event, colour: str):
    \'\'\'Wave a flag.

    At sea.
    \'\'\'
    event.user.write(_("Here."))


async def wait(event):
    \'\'\'Wait.\'\'\'


def _inside(event):
    \'\'\'Nobody reads this.\'\'\'


def help_text(word):
    \'\'\'Nor this.\'\'\'
"""


def test_babel_extracts_socials_and_docstrings_of_commands_by_the_mapping_of_the_page(tmp_path):
    (tmp_path / "socials.toml").write_text(OWN)
    (tmp_path / "commands.py").write_text(COMMANDS)
    page = OURS.parents[2] / "docs" / "translation.md"
    mapping = page.read_text().partition("```ini babel.cfg\n")[2].partition("```")[0]
    methods, options = parse_mapping_cfg(io.StringIO(mapping))
    extracted = extract_from_dir(tmp_path, methods, options)
    assert {message for _file, _line, message, _comments, _context in extracted} == {
        *GERMAN,
        "Here.",
        "Wave a flag.\n\nAt sea.",
        "Wait.",
    }
