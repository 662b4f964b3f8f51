"""English grammar for messages. See ``docs/contrib/language.md``."""

from cletus.contrib.language.articles import an, capitalised, listed, sentence
from cletus.contrib.language.durations import parse_duration, say_duration
from cletus.contrib.language.groups import grouped
from cletus.contrib.language.numbers import number_word, ordinal, parse_number, parse_ordinal
from cletus.contrib.language.plurals import counted, plural
from cletus.contrib.language.pronouns import THEY, YOU, Pronouns, pronouns_of
from cletus.contrib.language.verbs import conjugated, third_person

__all__ = [
    "THEY",
    "YOU",
    "Pronouns",
    "an",
    "capitalised",
    "conjugated",
    "counted",
    "grouped",
    "listed",
    "number_word",
    "ordinal",
    "parse_duration",
    "parse_number",
    "parse_ordinal",
    "plural",
    "pronouns_of",
    "say_duration",
    "sentence",
    "third_person",
]
