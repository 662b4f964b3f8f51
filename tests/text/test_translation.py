"""Texts in the language of each reader."""

from __future__ import annotations

import copy
import pickle

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from cletus.client.rendering import Message, as_text
from cletus.protocol.charset import Encoder
from cletus.protocol.terminal import Terminal
from cletus.text import Text, gettext, hanging, ngettext
from cletus.text.translation import Catalogues, catalogues

MESSAGES = {
    "Hello, {name}.": "Hallo, {name}.",
    "{count} rat": ("{count} Ratte", "{count} Ratten"),
    "Broken {name}": "Kaputt {nam}",
    "left": "gegangen",
}


def save(folder, messages, language="de", name="app"):
    catalogue = Catalog(locale=language)
    for message, translated in messages.items():
        is_plural = isinstance(translated, tuple)
        catalogue.add((message, f"{message}s") if is_plural else message, translated)
    path = folder / language / "LC_MESSAGES" / f"{name}.mo"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)
    return path


@pytest.fixture(autouse=True)
def german(tmp_path):
    save(tmp_path, MESSAGES)
    catalogues.use(tmp_path)
    yield
    catalogues.use()


ENCODER = Encoder("utf-8", network=False)


def terminal(language=""):
    terminal = Terminal(ENCODER)
    terminal.language = language
    return terminal


def shown(line, language):
    return as_text((line,), terminal(language).profile)


def test_a_text_is_english_and_each_reader_gets_their_own():
    text = gettext("Hello, {name}.", name="Ann")
    assert text == "Hello, Ann."
    assert isinstance(text, str)
    assert shown(text, "de") == "Hallo, Ann.\n"
    assert shown(text, "de_AT") == "Hallo, Ann.\n"
    assert shown(text, "fr") == shown(text, "") == shown(text, "en") == "Hello, Ann.\n"


def test_a_number_has_its_plural():
    assert [str(ngettext("{count} rat", "{count} rats", count)) for count in (0, 1, 2)] == [
        "0 rats",
        "1 rat",
        "2 rats",
    ]
    assert shown(ngettext("{count} rat", "{count} rats", 1), "de") == "1 Ratte\n"
    assert shown(ngettext("{count} rat", "{count} rats", 2), "de") == "2 Ratten\n"


def test_a_text_in_a_text_is_translated_too():
    rats = ngettext("{count} rat", "{count} rats", 3)
    assert shown(gettext("Hello, {name}.", name=rats), "de") == "Hallo, 3 Ratten.\n"
    assert shown(hanging(rats), "de") == "3 Ratten\n"


def test_an_exception_is_shown_in_the_language_of_the_reader():
    error = ValueError(gettext("Hello, {name}.", name="Ann"))
    assert shown(error, "de") == "Hallo, Ann.\n"
    assert shown(str(error), "de") == "Hello, Ann.\n"
    assert type(str(error)) is str  # as stores want it


def test_a_capital_letter_is_set_in_every_language():
    text = gettext("left").capitalised()
    assert text == "Left"
    assert shown(text, "de") == "Gegangen\n"


def test_values_are_taken_when_it_is_made():
    names = ["Ann"]
    text = gettext("Hello, {name}.", name=names)
    names.append("Bob")
    assert shown(text, "de") == "Hallo, ['Ann'].\n"


def test_what_people_have_typed_is_not_parsed():
    text = gettext("Hello, {name}.", name="{count} {0} {name.__class__}")
    assert shown(text, "de") == "Hallo, {count} {0} {name.__class__}.\n"
    assert gettext("{braces}") == "{braces}"


def test_a_translation_with_a_wrong_placeholder_leaves_the_english():
    assert shown(gettext("Broken {name}", name="x"), "de") == "Broken x\n"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda text: pickle.loads(pickle.dumps(text))])
def test_a_copy_is_a_text(copied):
    text = copied(gettext("Hello, {name}.", name=gettext("left").capitalised()))
    assert isinstance(text, Text)
    assert shown(text, "de") == "Hallo, Gegangen.\n"


def test_a_broadcast_is_translated_once_for_each_language(monkeypatch):
    calls = []
    translate = Text.in_language

    def counted(text, language):
        calls.append(language)
        return translate(text, language)

    monkeypatch.setattr(Text, "in_language", counted)
    message = Message((gettext("Hello, {name}.", name="all"),))
    readers = [terminal(language) for language in ("", "de") * 100]
    assert [message.encoded(reader.profile) for reader in readers] == [
        b"Hello, all.\n",
        b"Hallo, all.\n",
    ] * 100
    assert calls == ["", "de"]


def test_a_terminal_keeps_its_language_in_another_process():
    there = Terminal(Encoder("utf-8", network=False))
    there.restore(terminal("de").snapshot())
    assert there.profile.language == "de"


def test_an_earlier_folder_comes_first(tmp_path):
    other = tmp_path / "other"
    save(other, {"left": "weg"})
    read = Catalogues()
    read.use(other, tmp_path)
    german = read.of("de")
    assert german is not None
    assert (german.gettext("left"), german.gettext("Hello, {name}.")) == ("weg", "Hallo, {name}.")
    assert german.gettext("You have left.") == "Du bist nicht mehr dabei."  # ours comes last
    assert read.languages() == ["de", "en"]


def test_an_unreadable_catalogue_is_logged_and_the_rest_is_used(tmp_path, log):
    (tmp_path / "de" / "LC_MESSAGES" / "broken.mo").write_bytes(b"no catalogue")
    catalogues.use(tmp_path)
    assert shown(gettext("left"), "de") == "gegangen\n"
    assert "broken.mo cannot be read" in log.text
    log.take_failures()


@pytest.mark.parametrize("language", ["../../etc", "de/..", "DE", "", "x" * 50, "de\0"])
def test_what_is_not_a_language_is_not_looked_for(language):
    assert catalogues.of(language) is None


def test_a_text_of_a_text_is_that_text():
    text = gettext("Hello, {name}.", name="Ann")
    assert gettext(text) is text
    assert shown(gettext(text), "de") == "Hallo, Ann.\n"


def test_an_empty_text_is_empty_in_every_language():
    """In a catalogue, the empty message has its header."""
    assert shown(gettext(""), "de") == shown(gettext(""), "") == "\n"


def test_a_subclass_may_tidy_a_text_in_every_language():
    class Loud(Text):
        @staticmethod
        def finished(text):
            return text.upper()

    text = Loud("left", "", 1, {})
    assert text == "LEFT"
    assert text.in_language("de") == "GEGANGEN"
    assert type(text.capitalised()) is type(copy.copy(text)) is Loud
