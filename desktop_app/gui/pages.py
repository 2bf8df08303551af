"""The pages of the window, in the order of the navigation; a new page is a file and a line here."""

from __future__ import annotations

from desktop_app.gui.page import PageEntry
from resources.language import tr

PAGES: tuple[PageEntry, ...] = (
    PageEntry("market", tr("Market"), "Ctrl+1", "desktop_app.gui.market_page:MarketPage"),
    PageEntry("said", tr("What we said"), "Ctrl+2", "desktop_app.gui.said_page:SaidPage"),
    PageEntry("track", tr("Track record"), "Ctrl+3", "desktop_app.gui.track_page:TrackPage"),
    PageEntry("why", tr("Why"), "Ctrl+4", "desktop_app.gui.why_page:WhyPage"),
    PageEntry("alerts", tr("Alerts"), "Ctrl+5", "desktop_app.gui.alerts_page:AlertsPage"),
    PageEntry("portfolio", tr("Portfolio"), "Ctrl+6", "desktop_app.gui.portfolio_page:PortfolioPage"),
    PageEntry("risk", tr("Risk"), "Ctrl+7", "desktop_app.gui.risk_page:RiskPage"),
    PageEntry("orders", tr("Orders"), "Ctrl+8", "desktop_app.gui.orders_page:OrdersPage"),
    PageEntry("journal", tr("Journal"), "Ctrl+9", "desktop_app.gui.journal_page:JournalPage"),
    PageEntry("sources", tr("Sources"), "Ctrl+0", "desktop_app.gui.sources_page:SourcesPage"),
    PageEntry("settings", tr("Settings"), "Ctrl+,", "desktop_app.gui.settings_page:SettingsPage"),
)
