"""The catalogue of the window's texts, for who translates them.

    python scripts/catalogue.py    writes resources/locale/barograph.pot anew
    python scripts/catalogue.py --compile de.po --to LOCALE    checks a translation and compiles it

A text is a literal handed to ``tr``, ``tr_many`` or ``mark`` of resources.language, or a noun handed to
``count`` of desktop_app.words. LOCALE is ``locale`` in the home of a person, or resources/locale.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.core import UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po

ROOT = Path(__file__).parent.parent
FOLDERS = ("desktop_app", "fusion_model", "resources")
TEMPLATE = ROOT / "resources" / "locale" / "barograph.pot"
PLURAL_OF = "count"  # words.count(number, noun, plural = noun + "s")
WRITERS = ("desktop_app/words.py", "resources/language.py")  # where the functions themselves are written
HEADER = "# The texts of Barograph's window; docs/desktop.md tells how to translate them."
CHANGING = (
    b'"POT-Creation',
    b'"PO-Revision',
    b'"Generated-By',
    b'"Project-Id',
    b'"Report-',
    b'"Last-',
    b'"Language-T',
)
WHERE = 3  # places told of a text

Text = str | tuple[str, str]


class Unusable(Exception):
    """A text or a translation cannot be used; the message says which and why."""


def main() -> None:
    """Write the template, or compile a translation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--compile", type=Path, metavar="FILE.po", help="a translation, named by its language"
    )
    parser.add_argument("--to", type=Path, default=TEMPLATE.parent, metavar="LOCALE", help="where it goes")
    arguments = parser.parse_args()
    try:
        if arguments.compile:
            print(compiled(arguments.compile, arguments.to))
        else:
            catalog = template()
            TEMPLATE.parent.mkdir(exist_ok=True)
            TEMPLATE.write_bytes(written(catalog))
            print(f"{TEMPLATE.relative_to(ROOT)}: {len(catalog)} texts")
    except (Unusable, OSError) as problem:
        sys.exit(f"catalogue: {problem}")


def template() -> Catalog:
    """Return every text of the program with the places where it stands.

    Raises
    ------
    Unusable
        A text is put together where it is used, so that no catalogue can have it.
    """
    catalog = Catalog(header_comment=HEADER, charset="utf-8", fuzzy=False)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            for line, text in texts_in(path.read_text(encoding="utf-8"), place):
                known = catalog.get(text if isinstance(text, str) else text[0])
                if known and known.pluralizable and isinstance(text, str):
                    text = known.id
                message = catalog.add(text, locations=[(place, line)])
                message.flags -= {"python-format"}
                if fields_of(text if isinstance(text, str) else text[0]):
                    message.flags |= {"python-brace-format"}
    return catalog


def texts_in(source: str, place: str) -> Iterator[tuple[int, Text]]:
    """Yield line and text, or singular and plural, of each call that makes one in a module."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
            continue
        name, literals = node.func.id, [_literal(argument) for argument in node.args]
        where = f"{place}:{node.lineno}"
        if name in ("mark", "tr_many", "tr") and place not in WRITERS and not _may_be_made(name, node):
            wanted = 2 if name == "tr_many" else 1
            if None in literals[:wanted]:
                raise Unusable(f"{where}: {name}() is handed a text that is put together there")
        if name in ("tr", "mark") and literals[0]:
            yield node.lineno, literals[0]
        elif name == "tr_many" and literals[0] and literals[1]:
            yield node.lineno, (literals[0], literals[1])
        elif name == PLURAL_OF and len(literals) > 1 and literals[1]:
            yield node.lineno, (literals[1], (literals[2] if len(literals) > 2 else "") or literals[1] + "s")


def _may_be_made(name: str, call: ast.Call) -> bool:
    """Whether a call of ``tr`` looks a marked text up: it is handed a name, a field or an entry."""
    return name == "tr" and isinstance(call.args[0], ast.Name | ast.Attribute | ast.Subscript)


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def written(catalog: Catalog) -> bytes:
    """Return a catalogue as the bytes of a .pot file, the same for the same texts."""
    file = BytesIO()
    for message in catalog:
        places = dict(reversed(message.locations))
        message.locations = sorted(places.items())[:WHERE]
    write_po(file, catalog, omit_header=False, sort_output=True, width=100, include_lineno=False)
    kept = (line for line in file.getvalue().splitlines(keepends=True) if not line.startswith(CHANGING))
    return b"".join(kept)


def compiled(source: Path, folder: Path) -> str:
    """Compile a translation into a folder of languages, and return a sentence on it.

    Raises
    ------
    Unusable
        The file is none, its language is unknown, or a translation has other fields than its text.
    """
    language = source.stem
    try:
        with source.open("rb") as file:
            catalog = read_po(file, locale=language, abort_invalid=True)
    except (PoFileError, UnknownLocaleError, ValueError) as problem:
        raise Unusable(f"{source} is no translation: {problem}") from problem
    known = template()
    problems = [
        problem for message in catalog if message.id for problem in _problems(message.id, message.string)
    ]
    if problems:
        raise Unusable(f"{source}: " + "; ".join(problems))
    target = folder / language / "LC_MESSAGES" / "barograph.mo"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        write_mo(file, catalog)
    done = sum(1 for message in known if message.id and _translated(catalog, message.id))
    return f"{target}: {done} of {len(known)} texts are translated"


def _translated(catalog: Catalog, text: Text) -> bool:
    message = catalog.get(text if isinstance(text, str) else text[0])
    return bool(message and not message.fuzzy and message.string and all(_as_tuple(message.string)))


def _problems(text: Text, translation: Text) -> Iterator[str]:
    allowed = set().union(*(fields_of(form) for form in _as_tuple(text)))
    for form in filter(None, _as_tuple(translation)):
        try:
            unknown = fields_of(form) - allowed
        except ValueError as problem:
            yield f"“{form}”: {problem}"
        else:
            if unknown:
                yield f"“{form}” names {', '.join(sorted(unknown))}, which its text does not"


def _as_tuple(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def fields_of(text: str) -> set[str]:
    """Return the names of the fields that a text fills in."""
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


if __name__ == "__main__":
    main()
