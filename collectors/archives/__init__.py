"""Files a person already has (CSV, JSON lines, Reddit dumps, FRED and ALFRED downloads) into the record."""

from collectors.archives.earnings import import_earnings
from collectors.archives.macro import import_macro
from collectors.archives.posts import import_posts
from collectors.archives.prices import import_prices
from collectors.archives.report import BadLine, ImportReport

__all__ = [
    "BadLine",
    "ImportReport",
    "import_earnings",
    "import_macro",
    "import_posts",
    "import_prices",
]
