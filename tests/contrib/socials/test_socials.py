"""A sentence for each who sees it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cletus.contrib.socials import COMMON, SocialError, Socials, Template, View, read_target
from cletus.errors import Refused

SHE = SimpleNamespace(
    subject="she", object="her", possessive="her", reflexive="herself", plural=False
)


class Somebody:
    def __init__(self, name, pronouns=None):
        self.name = name
        self.read = []
        if pronouns:
            self.pronouns = pronouns

    def __str__(self):
        return self.name

    def write(self, line):
        self.read.append(line)


ANN, BOB, CID = Somebody("Ann", SHE), Somebody("Bob"), Somebody("Cid")


def seen(text, target=BOB, how=""):
    template = Template(text)
    return [template.render(View(ANN, target, reader, how)) for reader in (ANN, BOB, CID)]


def test_everybody_reads_it_as_they_see_it():
    assert seen("{actor} {wave} at {target}.") == [
        "You wave at Bob.",
        "Ann waves at you.",
        "Ann waves at Bob.",
    ]


def test_pronouns_are_those_of_their_person():
    assert seen("{actor} {wave} {their} hat at {target} and {target_their} cat.") == [
        "You wave your hat at Bob and their cat.",
        "Ann waves her hat at you and your cat.",
        "Ann waves her hat at Bob and their cat.",
    ]


def test_verbs_agree_with_the_pronoun_before_them():
    assert seen("{actor} {see} that {target_they} {have} come; {they} {be} glad.") == [
        "You see that they have come; you are glad.",
        "Ann sees that you have come; she is glad.",
        "Ann sees that they have come; she is glad.",
    ]


def test_what_somebody_does_to_themselves_is_told_with_a_reflexive():
    template = Template("{actor} {hug} {target}.")
    assert template.render(View(ANN, ANN, ANN)) == "You hug yourself."
    assert template.render(View(ANN, ANN, CID)) == "Ann hugs herself."
    assert Template("{actor} {hug} {target}.").render(View(BOB, BOB, CID)) == "Bob hugs themself."


def test_an_adverb_leaves_no_gap_when_it_is_not_given():
    assert seen("{actor} {smile} {how}.")[0] == "You smile."
    assert seen("{actor} {smile} {how}.", how="happily")[2] == "Ann smiles happily."


def test_a_verb_may_have_several_words():
    assert seen("{actor} {burst out} laughing.")[2] == "Ann bursts out laughing."


def test_what_a_person_is_called_is_never_taken_for_a_template():
    assert Template("{actor} {smile}.").render(View(Somebody("{target}"), None, None)) == (
        "{target} smiles."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{actor {smile}.", "brace"),
        ("smile}", "brace"),
        ("{smile}.", "actor.* is missing"),
        ("{actor} {Smile}.", "neither a placeholder nor a verb"),
        ("{actor} {}.", "neither a placeholder nor a verb"),
        ("{actor} {actor.__class__}.", "neither a placeholder nor a verb"),
    ],
)
def test_a_sentence_that_makes_no_sense_is_refused(text, reason):
    with pytest.raises(SocialError, match=reason):
        Template(text)


@pytest.mark.parametrize("social", list(Socials()), ids=lambda social: social.name)
def test_those_that_come_with_cletus_read_as_english(social):
    for template in (social.alone, social.at):
        if template is None:
            continue
        target = BOB if template.needs_target else None
        for reader in (ANN, BOB, CID):
            line = template.render(View(ANN, target, reader))
            assert line.startswith("You " if reader is ANN else "Ann ")
            assert line.endswith(".")
            assert not set("{}_") & set(line)
            assert "  " not in line
            assert ("you" in line.lower()) == (reader is ANN or (reader is BOB and target is BOB))


def test_everybody_there_sees_it_once():
    ann, bob, cid = Somebody("Ann"), Somebody("Bob"), Somebody("Cid")
    Socials().get("WAVE").perform(ann, bob, "slowly.", others=[ann, bob, cid])
    assert ann.read == ["You wave slowly at Bob."]
    assert bob.read == ["Ann waves slowly at you."]
    assert cid.read == ["Ann waves slowly at Bob."]


def test_what_needs_somebody_cannot_be_done_alone_and_the_other_way_round():
    with pytest.raises(Refused, match="Whom do you want to hug"):
        Socials().get("hug").perform(ANN)
    with pytest.raises(Refused, match="just sulk"):
        Socials().get("sulk").perform(ANN, BOB)


def find(name):
    if name.lower() in ("bob", "bo"):
        return BOB
    raise Refused(f"There is no {name}.")


@pytest.mark.parametrize(
    ("words", "target", "how"),
    [
        ("", None, ""),
        ("bob", BOB, ""),
        ("at bob", BOB, ""),
        ("happily", None, "happily"),
        ("happily at bob", BOB, "happily"),
        ("at bob happily", BOB, "happily"),
        ("bob very happily", BOB, "very happily"),
        ("very happily bo", BOB, "very happily"),
        ("at", None, "at"),
    ],
)
def test_whom_and_how_are_read_from_what_is_typed(words, target, how):
    assert read_target(words, find) == (target, how)


def test_nobody_after_a_preposition_is_refused():
    with pytest.raises(Refused, match="no eve"):
        read_target("at eve", find)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("smile = 1", "line 1, column 1: 'smile'"),
        ("[smile]\nalone = 3", "line 2, column 1: 'smile'"),
        ("[smile]", "one of them"),
        ("[smile]\nAlone = 'x'", "one of them"),
        (
            "[smile]\nalone = '{actor} {smile} at {target}.'",
            "line 2, column 1: .*must not contain .target",
        ),
        ("[smile]\nat = '{actor} {smile}.'", "line 2, column 1: .*must contain"),
        ("[smile\n", "Expected.*line 1, column 7"),
    ],
)
def test_a_file_that_describes_no_socials_names_the_place(tmp_path, text, reason):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(SocialError, match=reason) as caught:
        Socials(path)
    assert "own.toml" in str(caught.value)


def test_own_socials_are_added_to_the_common_ones_and_replace_them(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("[smile]\nalone = '{actor} {smile} like a cat.'\n")
    socials = Socials(COMMON, path)
    assert len(socials) == len(Socials())
    assert socials.get("smile").at is None


def test_who_ignores_somebody_sees_nothing_of_what_they_do():
    """Not as a target, which the actor is told, and not as one of those who are there."""
    ann, bob, cid, dot = Somebody("Ann"), Somebody("Bob"), Somebody("Cid"), Somebody("Dot")
    bob.ignores = cid.ignores = lambda other: other is ann
    wave = Socials().get("wave")
    with pytest.raises(Refused, match="Bob ignores you"):
        wave.perform(ann, bob, others=[ann, bob, cid, dot])
    assert ann.read == bob.read == cid.read == dot.read == []
    wave.perform(ann, others=[ann, bob, cid, dot])
    assert (ann.read, dot.read) == (["You wave."], ["Ann waves."])
    assert bob.read == cid.read == []
    ann.ignores = lambda other: True
    wave.perform(ann, ann)
    assert ann.read[1:] == ["You wave at yourself."]
