"""The pages of the window, in the order of the navigation; a new page is a file and a line here."""

from __future__ import annotations

from desktop_app.gui.page import PageEntry

PAGES: tuple[PageEntry, ...] = (
    PageEntry("market", "Market", "Ctrl+1", "desktop_app.gui.market_page:MarketPage"),
    PageEntry("said", "What we said", "Ctrl+2", "desktop_app.gui.said_page:SaidPage"),
    PageEntry("track", "Track record", "Ctrl+3", "desktop_app.gui.track_page:TrackPage"),
    PageEntry("why", "Why", "Ctrl+4", "desktop_app.gui.why_page:WhyPage"),
    PageEntry("alerts", "Alerts", "Ctrl+5", "desktop_app.gui.alerts_page:AlertsPage"),
    PageEntry("portfolio", "Portfolio", "Ctrl+6", "desktop_app.gui.portfolio_page:PortfolioPage"),
    PageEntry("risk", "Risk", "Ctrl+7", "desktop_app.gui.risk_page:RiskPage"),
    PageEntry("orders", "Orders", "Ctrl+8", "desktop_app.gui.orders_page:OrdersPage"),
    PageEntry("journal", "Journal", "Ctrl+9", "desktop_app.gui.journal_page:JournalPage"),
    PageEntry("sources", "Sources", "Ctrl+0", "desktop_app.gui.sources_page:SourcesPage"),
    PageEntry("settings", "Settings", "Ctrl+,", "desktop_app.gui.settings_page:SettingsPage"),
)
