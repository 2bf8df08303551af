"""The rule from post to scored text."""

from __future__ import annotations

import pytest

from collectors.sentiment.texts import is_scorable, plain_text, post_text, repair_encoding


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Iâ€™m  hoping\n\tto", "I’m hoping to"),
        ("ðŸš€ to the moon", "🚀 to the moon"),
        ("a â€œquoteâ€\x9d", "a “quote”"),
        ("AT&amp;T &gt; 30 &amp;#x200B;", "AT&T > 30"),
        ("see https://a.com/x?y=1&amp;z=2, now", "see http now"),
        ("[my thesis](https://a.com/x) www.b.com", "my thesis http http"),
        ("@jim and u/bob or /u/a-b", "@user and @user or @user"),
        ("calls @ 25, mail a@b.com, @25c", "calls @ 25, mail a@b.com, @25c"),
        ("$TSLA 🚀🚀 UP!", "$TSLA 🚀🚀 UP!"),
        ("[removed]", ""),
        (" [deleted by user] ", ""),
    ],
)
def test_plain_text(raw: str, expected: str) -> None:
    assert plain_text(raw) == expected


@pytest.mark.parametrize("text", ["déjà vu", "Café Olé", "5 € – “sound” text’s", "naïve ÉLAN’s", "日本 🚀"])
def test_sound_text_is_not_repaired(text: str) -> None:
    assert repair_encoding(text) == text


@pytest.mark.parametrize("text", ["don’t", "5 € – “so”", "déjà", "🚀💎🙌", "日本"])
def test_misread_text_comes_back(text: str) -> None:
    def misread(sound: str) -> str:
        return "".join(
            chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([byte]).decode("cp1252")
            for byte in sound.encode("utf-8")
        )

    assert repair_encoding(misread(text)) == text


def test_title_and_body_are_joined_once() -> None:
    assert post_text("GME", "to the moon") == "GME to the moon"
    assert post_text("GME to the", "GME to the moon") == "GME to the moon"
    assert post_text("GME", "[removed]") == "GME"
    assert post_text("", "only body") == "only body"


def test_what_says_nothing_is_not_scorable() -> None:
    for title, body in [("", ""), ("[removed]", ""), ("", "[deleted]"), ("", "https://a.com"), ("@jim", " ")]:
        assert not is_scorable(post_text(title, body))
    for text in ["buy", "🚀", ":(", "http is down"]:
        assert is_scorable(text)
