"""The window's texts in the person's language: English where no translation was found.

A text is written as ``tr("{ticker} closed at {price}", ticker=..., price=...)``: a whole sentence, literal,
with named fields. ``scripts/catalogue.py`` collects them into ``locale/barograph.pot``. The language is
chosen once (``speak``), before the window's modules are loaded, so that a text among a module's constants is
translated like any other; where the command line loads a module too, its constants are only marked
(``mark``) and translated when they are shown. What is stored, logged or printed by commands stays English.
"""

from __future__ import annotations

import gettext
import logging
import struct
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

DOMAIN = "barograph"
ENGLISH = "en"
SHIPPED = Path(__file__).parent / "locale"

_catalogue: gettext.NullTranslations = gettext.NullTranslations()
_told: set[str] = set()  # messages whose translation cannot be filled in, each logged once


def tr(message: str, /, **fields: object) -> str:
    """Return a text in the chosen language, its named fields filled in.

    A translation that names a field which is not there gives way to the English text.
    """
    return _filled(message, _catalogue.gettext(message), fields)


def mark(message: str) -> str:
    """Return a text as it is, for the catalogue; who shows it hands it to ``tr``."""
    return message


def tr_many(one: str, many: str, number: float, /, **fields: object) -> str:
    """Return the form of a text that belongs to a number; which forms there are, the translation says."""
    english = one if number == 1 else many
    found = _catalogue.ngettext(one, many, 1 if number == 1 else max(2, round(number)) if number else 0)
    return _filled(english, found, fields)


def speak(language: str, folders: Sequence[Path] = ()) -> str:
    """Choose the language of all texts to come; return what is wrong with its translation, or nothing.

    Parameters
    ----------
    language : str
        A folder name such as ``de`` or ``pt_BR``; ``en`` asks for no translation.
    folders : sequence of Path
        Where translations lie besides the program's own, as ``LANGUAGE/LC_MESSAGES/barograph.mo``; the first
        that has one is taken.
    """
    global _catalogue
    _catalogue = gettext.NullTranslations()
    _told.clear()
    if language == ENGLISH:
        return ""
    for folder in (*folders, SHIPPED):
        file = _file(folder, language)
        if not file.is_file():
            continue
        try:
            with file.open("rb") as opened:
                _catalogue = gettext.GNUTranslations(opened)
        except (OSError, ValueError, struct.error) as error:
            return f"The translation {file} cannot be read ({error}): the texts are English."
        return ""
    return f"No translation into '{language}' was found: the texts are English."


def languages(folders: Sequence[Path] = ()) -> tuple[str, ...]:
    """Return English and every language that a translation is found for, by name."""
    found = {
        file.parent.parent.name
        for folder in (*folders, SHIPPED)
        for file in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    }
    return (ENGLISH, *sorted(found - {ENGLISH}))


def _file(folder: Path, language: str) -> Path:
    return folder / language / "LC_MESSAGES" / f"{DOMAIN}.mo"


def _filled(english: str, found: str, fields: dict[str, object]) -> str:
    if not fields:
        return found
    try:
        return found.format(**fields)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        if english not in _told:
            _told.add(english)
            logger.warning("The translation of %r cannot be filled in (%r)", english, error)
        return english.format(**fields)
