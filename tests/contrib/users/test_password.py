"""What may be a password, and the field that holds its hash."""

from __future__ import annotations

import json

import pytest
from argon2 import PasswordHasher
from twisted.internet.defer import Deferred

from cletus.contrib.users import hashing
from cletus.contrib.users import password as password_module
from cletus.contrib.users.password import DIFFERENT, LONGEST, SHORTEST, check_new_password
from cletus.errors import PasswordRefused

NFC, NFD = "caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "x7!kPq2z",
        "пароль сложный",
        "\U0001f600\U0001f601ab\U0001f602xyz",
        "nul\0nul\0n",
    ],
)
def test_anything_long_enough_is_a_password(password):
    """Any script, spaces, emoji, and what no keyboard types."""
    assert check_new_password(password) == password


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "short"),
        ("x7!kPq2", "short"),
        ("é" * (LONGEST // 2 + 1), "long"),
        ("x7!kPq2z" * 1000, "long"),
        ("aaaaaaaaaaaa", "easy"),
        ("abababababab", "easy"),
        ("Methusalem", "easy"),
        ("half a \ud800 pair", "not UTF-8"),
    ],
)
def test_what_cannot_be_one_is_refused(password, why):
    """The refusal says why, and does not repeat the password."""
    with pytest.raises(PasswordRefused, match=why) as refused:
        check_new_password(password, name="methusaLEM")
    assert not password or password not in str(refused.value)
    assert DIFFERENT > 2
    assert SHORTEST >= 8


def test_the_longest_is_taken_whole(talker):
    """Nothing is cut: what differs in the last byte is another password."""
    user = talker.account("Bob")
    longest = "ab7!" * (LONGEST // 4)
    user.set_password(longest)
    assert user.check_password(longest).result is True
    assert user.check_password(longest[:-1] + "?").result is False


def test_a_line_that_may_have_been_cut_is_refused():
    """The door cuts lines at ``line_max``: what is as long was perhaps longer."""
    line = "abcdefgh" * 4
    assert check_new_password(line, line_max=len(line) + 1)
    with pytest.raises(PasswordRefused, match="31 bytes"):
        check_new_password(line, line_max=len(line))


def test_too_long_is_refused_before_hashing(talker, monkeypatch):
    """A megabyte costs no hash, neither to set it nor to try it."""
    user = talker.account("Bob")
    calls = []
    monkeypatch.setattr(
        type(hashing.HASHER), "hash", lambda *_: calls.append(1) or pytest.fail("hashed")
    )
    refused = user.set_password("x" * 1_000_000)
    refused.addErrback(lambda failure: failure.trap(PasswordRefused))
    assert refused.result is PasswordRefused
    assert not calls


def test_too_long_fits_nobody(talker):
    """Not even somebody whose password is empty."""
    user = talker.account("Bob")
    user.set_password("")
    assert user.check_password("x" * 5000).result is False
    assert user.check_password("half \ud800").result is False


@pytest.mark.parametrize(
    ("password", "other"),
    [
        (NFD, NFC),
        (" correct horse ", "correct horse"),
        ("correct\u200dhorse", "correcthorse"),
        ("corre\u0301\u0301\u0301\u0301\u0301ct horse", "corre\u0301\u0301\u0301\u0301ct horse"),
        ("correct \ufb01sh", "correct fish"),
        ("Correct horse", "correct horse"),
    ],
)
def test_a_password_is_hashed_as_it_was_typed(talker, password, other):
    """To the byte: what looks like it, or is equal to it by Unicode, is another one."""
    user = talker.account("Bob")
    user.set_password(check_new_password(password))
    PasswordHasher().verify(user.password, password)
    assert user.check_password(password).result is True
    assert user.check_password(other).result is False


def test_a_hash_of_a_former_version_still_works(talker):
    """They composed the letters before they hashed them."""
    user = talker.account("Bob")
    user.set_password(NFC)
    assert user.check_password(NFD).result is True


@pytest.mark.parametrize("password", ["e\u0301" * 4, "a\u0301b\u0301" * 4])
def test_a_short_or_simple_password_is_not_longer_for_being_decomposed(password):
    with pytest.raises(PasswordRefused):
        check_new_password(password)


def test_nobody_without_a_password_can_log_in(talker):
    """Not with an empty one either."""
    user = talker.user_cls("bob")
    for password in ("", "None", "correct horse", "nobody has this password"):
        assert user.check_password(password).result is False


def test_only_the_hash_is_kept(talker):
    """Neither the document nor ``repr`` has the password, and ``repr`` not even the hash."""
    user = talker.account("Bob", "canary in a mine")
    assert "canary" not in user.to_json(session=True)
    assert json.loads(user.to_json())["password"].startswith("$argon2id$")
    assert "canary" not in repr(user)
    assert "argon2" not in repr(user)
    assert "canary" not in repr(vars(user))


def test_an_old_hash_is_made_anew_at_login(talker):
    """With today's parameters, and saved."""
    old = PasswordHasher(memory_cost=16, time_cost=1, parallelism=1)
    user = talker.account("Bob")
    user.password = old.hash("correct horse")
    assert user.check_password("correct horse").result is True
    assert not hashing.is_outdated(user.password)
    assert user.check_password("correct horse").result is True
    talker.wait(1)
    talker.user_cls.manager.remove_active(user)
    assert talker.user_cls.manager.get("bob").password == user.password


def test_a_wrong_password_leaves_an_old_hash(talker):
    """Nothing is made anew of what was not proved."""
    old = PasswordHasher(memory_cost=16, time_cost=1, parallelism=1).hash("correct horse")
    user = talker.account("Bob")
    user.password = old
    assert user.check_password("wrong horse").result is False
    assert user.password == old


def test_a_password_changed_meanwhile_is_not_undone(talker):
    """The new hash of the old password must not overtake the new password."""
    user = talker.account("Bob")
    old = PasswordHasher(memory_cost=16, time_cost=1, parallelism=1).hash("correct horse")
    new = hashing.HASHER.hash("another horse")
    user.password = new
    Deferred.fromCoroutine(user._rehash(old, "correct horse"))
    assert user.password == new


@pytest.mark.parametrize(
    "password", ["password", "iloveyou", "Password1!", "1qaz2wsx", "QWERTYUIOP", "trustno1"]
)
def test_what_leaks_are_full_of_is_refused(password):
    """NIST SP 800-63B asks for a list; whoever guesses begins with it."""
    with pytest.raises(PasswordRefused, match="easy to guess"):
        check_new_password(password)


def test_the_list_of_common_passwords_is_long_and_clean():
    common = password_module._common()
    assert len(common) > 10_000
    assert all(len(word) >= SHORTEST and word == word.casefold().strip() for word in common)


@pytest.mark.parametrize(
    "password", ["Trudi123", "trudi", "!!TRUDI!!", "trudiTrudi1", "1trudi2026"]
)
def test_ones_own_name_with_digits_or_signs_is_refused(password):
    with pytest.raises(PasswordRefused):
        check_new_password(password, name="Trudi")


@pytest.mark.parametrize("name", ["", "Trudi"])
def test_digits_and_words_around_a_name_are_a_password(name):
    assert check_new_password("815329741", name=name) == "815329741"
    assert check_new_password("trudi and the horse", name=name) == "trudi and the horse"
