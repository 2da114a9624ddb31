"""Texts are equal if only a keyboard, a file format or a renderer tells them apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_fast.text.normalized import INVISIBLE, PUNCTUATION, Normalized, compared

TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from("aé\u0301\u0323\u0345αß½ﬁİ’—\u00ad\u200d\u00a0")
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dog's", "dog’s"),
        ("dog's", "dogʼs"),
        ('"old" cat', "“old” cat"),
        ('"old" cat', "«old» cat"),
        ("well-known", "well–known"),
        ("well-known", "well\u2011known"),
        ("caf\u00e9", "cafe\u0301"),
        ("straße", "STRASSE"),
        ("fire", "ﬁre"),
        ("1/2", "½"),
        ("tel", "℡"),
        ("cat", "ｃａｔ"),
        ("ガ", "ｶﾞ"),
        ("한", "\u1112\u1161\u11ab"),
        ("\u0130z", "i\u0307z"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("α\u0301\u0345", "α\u0345\u0301"),
        ("か\u3099\u0301", "か\u0301\uff9e"),
        ("a red cat", "a\u00a0red \u3000\n cat"),
        ("cat", "ca\u00adt"),
        ("cat", "\ufeffc\u200ba\u2060t\u200c"),
        ("❤", "❤\ufe0f"),
        ("क\u093c", "\u0958"),
    ],
)
def test_other_ways_to_write_a_text(one: str, other: str) -> None:
    assert one != other
    assert compared(one) == compared(other)


@pytest.mark.parametrize(("one", "other"), [("cafe", "café"), ("cat", "cats"), ("dogs", "dog's"), ("👩", "👩\u200d🚀")])
def test_other_texts(one: str, other: str) -> None:
    assert compared(one) != compared(other)


def test_case_may_count() -> None:
    assert compared("Turkey", fold=False) != compared("turkey", fold=False)
    assert compared("Caf\u00e9’s ", fold=False) == compared("Cafe\u0301's", fold=False)


@given(TEXTS)
def test_a_form_is_its_own_form(text: str) -> None:
    form = compared(text)
    assert compared(form) == form


@given(TEXTS)
def test_equal_texts_of_unicode_have_one_form(text: str) -> None:
    forms = {compared(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert forms == {compared(text)}


@given(st.text(st.characters(categories=["L", "M"], exclude_characters=[*PUNCTUATION, *INVISIBLE, "ŉ"]), max_size=12))
def test_letters_have_the_caseless_compatibility_form_of_unicode(text: str) -> None:
    form = unicodedata.normalize("NFD", text)
    for _ in range(2):
        form = unicodedata.normalize("NFKD", form.casefold())
    assert Normalized.of(text).text == form


def stands_in(text: str, word: str) -> list[str]:
    """What `places` finds, as it is written in the text."""
    return [text[start:stop] for start, stop in Normalized.of(text).places(word)]


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("the dog’s tail", "dog's", ["dog’s"]),
        ("the dog’s tail", "dog", ["dog"]),
        ("the dogʼs tail", "dog", ["dog"]),
        ("a Straße, STRASSE", "strasse", ["Straße", "STRASSE"]),
        ("the oﬃce cat", "office", ["oﬃce"]),
        ("½ a cup", "1/2", ["½"]),
        ("a re\u00add\u00a0\ncat", "red cat", ["re\u00add\u00a0\ncat"]),
        ("ha a a a", "a a", ["a a", "a a"]),
        ("cat™, cat—cat", "cat", ["cat", "cat", "cat"]),
        # Scripts without spaces between words, and their neighbours.
        ("一只红cat猫在跑", "cat", ["cat"]),
        ("一只红cat猫在跑", "红", ["红"]),
        ("30只猫，3只狗", "3", ["3"]),
        ("か\u0301cat", "cat", ["cat"]),  # a mark has the kind of its letter
        ("猫がケーキ", "ケーキ", ["ケーキ"]),
        ("ที่แมวดำ", "แมว", ["แมว"]),
        ("မြန်မာစာ", "စာ", ["စာ"]),
        ("ខ្មែរ", "ខ្មែ", ["ខ្មែ"]),
        # Marks that are not `\w`.
        ("मुझे हिन्दी पसंद", "हिन्दी", ["हिन्दी"]),
        ("தமிழ் மொழி", "தமிழ்", ["தமிழ்"]),
        ("நான் தமிழ்", "நான்", ["நான்"]),
        ("👩\u200d🚀 👩", "👩", ["👩"]),
    ],
)
def test_where_a_word_stands(text: str, word: str, found: list[str]) -> None:
    assert stands_in(text, word) == found


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("concatenate", "cat"),
        ("a_cat", "cat"),
        ("cats", "cat"),
        ("cafe\u0301", "cafe"),
        ("caf\u00e9", "cafe"),
        ("½ a cup", "1"),
        ("20 ℃", "C"),
        ("한국", "한"),
        ("하늘", "한"),
        ("が", "か"),
        ("가ｶﾞ", "カ"),
        ("हिन्दी", "हिन"),
        ("हिन्दी", "हिन्द"),
        ("हिन्दी", "दी"),
        ("தமிழ்", "தமிழ"),
        ("ที่", "ท"),
        ("ขำ", "ข"),
        ("က်", "က"),
        ("ខ្មែរ", "មែ"),  # below the letter in front of it
        ("👩\u200d🚀", "👩"),
        ("👩\u200d🚀", "🚀"),
        ("👍🏽", "👍"),
        ("🏴\U000e0067\U000e0062\U000e007f", "🏴"),  # the flag of a region
        ("cat\ufffd", "cat"),
        ("a cat", ""),
        ("a cat", "\u200b"),
    ],
)
def test_a_part_of_a_word_does_not_stand_there(text: str, word: str) -> None:
    assert stands_in(text, word) == []
