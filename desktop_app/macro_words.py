"""FRED's series and their values in plain words."""

from __future__ import annotations

SERIES = {  # FRED's names in plain words, with the unit that a value stands in
    "FEDFUNDS": ("Federal funds rate", "%"),
    "DGS2": ("Treasury yield, 2 years", "%"),
    "DGS10": ("Treasury yield, 10 years", "%"),
    "T10Y2Y": ("10-year less 2-year yield", "%"),
    "CPIAUCSL": ("Consumer prices (index)", ""),
    "UNRATE": ("Unemployment rate", "%"),
    "PAYEMS": ("Employed, thousands", ""),
    "INDPRO": ("Industrial production (index)", ""),
    "ICSA": ("New unemployment claims", ""),
    "M2SL": ("Money (M2), billion USD", ""),
    "VIXCLS": ("VIX", ""),
    "BAMLH0A0HYM2": ("High-yield spread", "%"),
    "UMCSENT": ("Consumer sentiment (index)", ""),
    "USREC": ("Recession (1: yes)", ""),
}


def figure(value: float, unit: str) -> str:
    """Return a value with its unit: ``6.70 %``, ``143,017``."""
    text = f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{text.replace('-', '−')} {unit}".rstrip()
