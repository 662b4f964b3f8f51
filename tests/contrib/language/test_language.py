"""English. The words were compared with those that inflect 7.6 gives, and judged where they differ."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cletus.contrib.language import (
    YOU,
    an,
    conjugated,
    counted,
    listed,
    number_word,
    ordinal,
    parse_number,
    parse_ordinal,
    plural,
    pronouns_of,
    sentence,
    third_person,
)


@pytest.mark.parametrize(
    ("things", "text"),
    [([], "nothing"), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_things_are_listed_as_in_a_sentence(things, text):
    assert listed(things) == text


def test_a_list_can_offer_a_choice_and_name_its_emptiness():
    assert listed(iter("ab"), word="or") == "a or b"
    assert listed([], nothing="nobody") == "nobody"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("there is a room 'x' already", "There is a room 'x' already."),
        ("Really?", "Really?"),
        (" 'x' cannot be a key ", "'x' cannot be a key."),
        ("", ""),
    ],
)
def test_an_error_becomes_a_sentence(text, said):
    assert sentence(text) == said


AN = """apple egg idea owl umbrella urn uninvited unimportant uncle hour heir honest honour x-ray F-sharp
    FBI NPC MP SMS XML onion only oneiric 8 11 18 80 ytterbium S-bend RPG oasis elf usher hourglass
    unkind urchin"""
A = """lamp unicorn uniform union university unanimous European euro ewe one one-off once user usual
    utopia ukulele hotel historic herald U-turn UFO US MUD 1 7 12 180 yacht yew Ouija useful hi-fi
    honey"""


@pytest.mark.parametrize("thing", AN.split())
def test_an_stands_before_the_sound_of_a_vowel(thing):
    assert an(thing) == f"an {thing}"


@pytest.mark.parametrize("thing", A.split())
def test_a_stands_before_every_other_sound(thing):
    assert an(thing) == f"a {thing}"


def test_the_article_looks_at_the_first_word_and_past_quotation_marks():
    assert an("old lamp") == "an old lamp"
    assert an("'owl'") == "an 'owl'"
    assert an("") == "a "


PLURALS = """lamp lamps|box boxes|torch torches|wish wishes|bus buses|lady ladies|day days|wolf wolves
    |werewolf werewolves|knife knives|penknife penknives|roof roofs|dwarf dwarves|chief chiefs
    |child children|grandchild grandchildren|woman women|policeman policemen|human humans
    |shaman shamans|foot feet|eyetooth eyeteeth|mouse mice|sheep sheep|person people|potato potatoes
    |piano pianos|hero heroes|zoo zoos|stomach stomachs|quiz quizzes|waltz waltzes|glass glasses
    |thesis theses|giraffe giraffes|mother-in-law mothers-in-law|passer-by passers-by|NPC NPCs
    |Elf Elves"""


@pytest.mark.parametrize(
    "pair", [one.split() for one in PLURALS.split("|")], ids=lambda one: one[0]
)
def test_plurals(pair):
    assert plural(pair[0]) == pair[1]


def test_only_the_noun_of_several_words_changes():
    assert plural("old brass lamp") == "old brass lamps"
    assert plural("piece of cake") == "pieces of cake"
    assert plural("half-elf") == "half-elves"


def test_one_is_no_plural_and_nothing_has_none():
    assert plural("wolf", 1) == "wolf"
    assert plural("") == ""
    assert counted(1, "owl") == "an owl"
    assert counted(0, "owl") == "no owls"
    assert counted(3, "owl") == "3 owls"


@pytest.mark.parametrize(
    ("verb", "third"),
    [
        ("wave", "waves"),
        ("kiss", "kisses"),
        ("try", "tries"),
        ("play", "plays"),
        ("go", "goes"),
        ("have", "has"),
        ("be", "is"),
        ("do", "does"),
        ("can", "can"),
        ("burst out laughing", "bursts out laughing"),
    ],
)
def test_verbs_in_the_third_person(verb, third):
    assert third_person(verb) == third


def test_verbs_agree_with_their_subject():
    assert conjugated("be", plural=True) == "are"
    assert conjugated("wave", plural=True) == "wave"
    assert conjugated("wave at", plural=False) == "waves at"


def test_people_are_they_until_they_say_otherwise():
    assert pronouns_of(object()).subject == "they"
    somebody = SimpleNamespace(pronouns=YOU)
    assert pronouns_of(somebody).reflexive == "yourself"


@pytest.mark.parametrize("noun", ["11th hour", "18-year-old", "8-ball", "élan", "hors d'oeuvre"])
def test_numbers_accents_and_french_by_their_sound(noun):
    assert an(noun) == f"an {noun}"


@pytest.mark.parametrize("noun", ["uvula", "110 m hurdle", "1st prize"])
def test_what_only_looks_like_a_vowel(noun):
    assert an(noun) == f"a {noun}"


@pytest.mark.parametrize(
    ("number", "word", "rank"),
    [(1, "one", "1st"), (2, "two", "2nd"), (12, "twelve", "12th"), (23, "23", "23rd")],
)
def test_numbers_in_words_and_back(number, word, rank):
    assert (number_word(number), ordinal(number)) == (word, rank)
    assert (parse_number(word), parse_ordinal(rank)) == (number, number)


@pytest.mark.parametrize(
    "word", ["", "no", "0", "-1", "two2", "12345", "²", "nd", "2st", "0th", "99999th"]
)
def test_what_is_not_a_number(word):
    assert parse_number(word) is None
    assert parse_ordinal(word) is None


def test_ordinal_numbers_in_words():
    assert (parse_ordinal("Second"), parse_ordinal("twelfth"), number_word(0)) == (2, 12, "no")
