"""FRED's series and their values in plain words."""

from __future__ import annotations

from resources.language import tr

SERIES = {  # FRED's names in plain words, with the unit that a value stands in
    "FEDFUNDS": (tr("Federal funds rate"), "%"),
    "DGS2": (tr("Treasury yield, 2 years"), "%"),
    "DGS10": (tr("Treasury yield, 10 years"), "%"),
    "T10Y2Y": (tr("10-year less 2-year yield"), "%"),
    "CPIAUCSL": (tr("Consumer prices (index)"), ""),
    "UNRATE": (tr("Unemployment rate"), "%"),
    "PAYEMS": (tr("Employed, thousands"), ""),
    "INDPRO": (tr("Industrial production (index)"), ""),
    "ICSA": (tr("New unemployment claims"), ""),
    "M2SL": (tr("Money (M2), billion USD"), ""),
    "VIXCLS": ("VIX", ""),
    "BAMLH0A0HYM2": (tr("High-yield spread"), "%"),
    "UMCSENT": (tr("Consumer sentiment (index)"), ""),
    "USREC": (tr("Recession (1: yes)"), ""),
}


def figure(value: float, unit: str) -> str:
    """Return a value with its unit: ``6.70 %``, ``143,017``."""
    text = f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{text.replace('-', '−')} {unit}".rstrip()
