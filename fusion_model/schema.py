"""Tables of findings, as ordered migrations (set "fusion_model"); forecasts can't be rewritten."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from collectors.schema import APPEND_ONLY, run_script
from fusion_model.findings import QUANTILE_NAMES

migrations = Migrations("fusion_model")

REASON_TABLES = ("reason", "attribution", "counterfactual", "related_stock")
ORDER_TABLES = ("proposed_order", "fill", "order_end")
RISK_TABLES = (
    "risk_report",
    "risk_component",
    "risk_tail_session",
    "risk_factor",
    "risk_episode",
    "unseen_input",
    "risk_test",
)
PORTFOLIO_TABLES = (
    "portfolio_run",
    "portfolio_suggestion",
    "portfolio_weight",
    "portfolio_frontier",
    "portfolio_walk",
)
FINDING_TABLES = (
    "forecast",
    "anomaly",
    "trained_model",
    "score_row",
    "expected_report",
    *REASON_TABLES,
    *ORDER_TABLES,
    *RISK_TABLES,
    *PORTFOLIO_TABLES,
)


@migrations()
def m001_findings(db: Database) -> None:
    """Forecasts, anomalies, trained models and scores, with the triggers that keep them append-only."""
    quantiles = ",\n            ".join(f"{name} REAL NOT NULL" for name in QUANTILE_NAMES)
    run_script(
        db,
        f"""
        CREATE TABLE trained_model (
            model_version TEXT PRIMARY KEY,
            model TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            trained_at TEXT NOT NULL,
            folder TEXT NOT NULL,
            summary TEXT NOT NULL
        ) STRICT;
        CREATE TABLE forecast (
            id INTEGER PRIMARY KEY,
            model TEXT NOT NULL,
            model_version TEXT NOT NULL,
            ticker TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            horizon INTEGER NOT NULL,
            target_session TEXT NOT NULL,
            last_close REAL NOT NULL,
            {quantiles},
            mean REAL NOT NULL,
            prob_up REAL NOT NULL CHECK (prob_up BETWEEN 0 AND 1),
            volatility REAL NOT NULL CHECK (volatility >= 0),
            scorer TEXT NOT NULL,
            made_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX forecast_by_ticker ON forecast (ticker, model, as_of_session, horizon);
        CREATE INDEX forecast_by_session ON forecast (as_of_session, model);
        CREATE TABLE anomaly (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            session TEXT NOT NULL,
            measure TEXT NOT NULL CHECK (measure IN ('return', 'volume', 'post_count')),
            observed REAL NOT NULL,
            expected REAL NOT NULL,
            p_value REAL NOT NULL CHECK (p_value BETWEEN 0 AND 1),
            reason TEXT NOT NULL,
            found_at TEXT NOT NULL,
            UNIQUE (ticker, session, measure)
        ) STRICT;
        CREATE INDEX anomaly_by_session ON anomaly (session);
        CREATE TABLE score_row (
            id INTEGER PRIMARY KEY,
            run TEXT NOT NULL,
            model TEXT NOT NULL,
            baseline TEXT NOT NULL,
            horizon INTEGER NOT NULL,
            first_session TEXT NOT NULL,
            last_session TEXT NOT NULL,
            forecasts INTEGER NOT NULL,
            sessions INTEGER NOT NULL,
            pinball REAL NOT NULL,
            skill REAL,
            dm_t REAL,
            coverage_50 REAL NOT NULL,
            coverage_80 REAL NOT NULL,
            coverage_90 REAL NOT NULL,
            coverage_95 REAL NOT NULL,
            direction_hits REAL,
            direction_mcc REAL NOT NULL,
            direction_mcc_low REAL,
            direction_mcc_high REAL,
            scored_at TEXT NOT NULL
        ) STRICT;
        """,
    )
    for table in ("forecast", "anomaly", "trained_model", "score_row"):
        run_script(db, APPEND_ONLY.format(table=table))


@migrations()
def m002_expected_report(db: Database) -> None:
    """The next earnings report, as it was known when a session's forecasts were made."""
    run_script(
        db,
        """
        CREATE TABLE expected_report (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            certainty TEXT NOT NULL CHECK (certainty IN ('announced', 'expected', 'unknown')),
            report_on TEXT NOT NULL,
            time_of_day TEXT NOT NULL CHECK (time_of_day IN ('pre', 'post', 'unknown')),
            reaction_session TEXT NOT NULL,
            sessions_ahead INTEGER NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX expected_report_by_ticker ON expected_report (ticker, as_of_session);
        """,
    )
    run_script(db, APPEND_ONLY.format(table="expected_report"))


@migrations()
def m003_reasons(db: Database) -> None:
    """Why forecasts are what they are; ``reason`` names the forecasts, the others hang on it."""
    run_script(
        db,
        """
        CREATE TABLE reason (
            id INTEGER PRIMARY KEY,
            model_version TEXT NOT NULL,
            ticker TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX reason_by_ticker ON reason (ticker, as_of_session);
        CREATE TABLE attribution (
            reason_id INTEGER NOT NULL REFERENCES reason (id),
            horizon INTEGER NOT NULL,
            target TEXT NOT NULL CHECK (target IN ('width', 'median')),
            cause TEXT NOT NULL,
            part TEXT NOT NULL,
            contribution REAL NOT NULL,
            PRIMARY KEY (reason_id, horizon, target, cause, part)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE counterfactual (
            reason_id INTEGER NOT NULL REFERENCES reason (id),
            horizon INTEGER NOT NULL,
            change TEXT NOT NULL CHECK (change IN ('no_move', 'no_report', 'neutral_posts')),
            q05 REAL NOT NULL,
            q50 REAL NOT NULL,
            q95 REAL NOT NULL,
            PRIMARY KEY (reason_id, horizon, change)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE related_stock (
            reason_id INTEGER NOT NULL REFERENCES reason (id),
            place INTEGER NOT NULL,
            neighbour TEXT NOT NULL,
            correlation REAL NOT NULL,
            same_sector INTEGER NOT NULL CHECK (same_sector IN (0, 1)),
            co_mention REAL NOT NULL,
            attention REAL,
            PRIMARY KEY (reason_id, place)
        ) STRICT, WITHOUT ROWID;
        """,
    )
    for table in REASON_TABLES:
        run_script(db, APPEND_ONLY.format(table=table))


@migrations()
def m004_orders(db: Database) -> None:
    """Proposed orders, and what became of each: one fill, or one end without. Balances follow from fills."""
    run_script(
        db,
        """
        CREATE TABLE proposed_order (
            order_id TEXT PRIMARY KEY,
            account TEXT NOT NULL,
            strategy TEXT NOT NULL,
            ticker TEXT NOT NULL,
            side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
            shares REAL NOT NULL CHECK (shares > 0),
            occasion TEXT NOT NULL,
            session TEXT NOT NULL,
            price REAL NOT NULL CHECK (price > 0),
            range_low REAL,
            range_high REAL,
            reason TEXT NOT NULL,
            proposed_at TEXT NOT NULL,
            valid_until TEXT NOT NULL
        ) STRICT;
        CREATE INDEX proposed_order_by_time ON proposed_order (account, proposed_at);
        CREATE TABLE fill (
            order_id TEXT PRIMARY KEY REFERENCES proposed_order (order_id),
            account TEXT NOT NULL,
            ticker TEXT NOT NULL,
            side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
            shares REAL NOT NULL CHECK (shares > 0),
            market_price REAL NOT NULL CHECK (market_price > 0),
            price REAL NOT NULL CHECK (price > 0),
            fee REAL NOT NULL CHECK (fee >= 0),
            session TEXT NOT NULL,
            filled_at TEXT NOT NULL,
            basis TEXT NOT NULL,
            note TEXT NOT NULL,
            recorded_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE order_end (
            order_id TEXT PRIMARY KEY REFERENCES proposed_order (order_id),
            account TEXT NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('refused', 'cancelled', 'expired', 'rejected')),
            reason TEXT NOT NULL,
            ended_at TEXT NOT NULL
        ) STRICT;
        CREATE TRIGGER fill_comes_after_its_proposal BEFORE INSERT ON fill
        WHEN NEW.filled_at <= (SELECT proposed_at FROM proposed_order WHERE order_id = NEW.order_id)
        BEGIN SELECT RAISE(ABORT, 'an order is filled at a later price than the one that triggered it'); END;
        CREATE TRIGGER fill_is_no_second_end BEFORE INSERT ON fill
        WHEN EXISTS (SELECT 1 FROM order_end WHERE order_id = NEW.order_id)
        BEGIN SELECT RAISE(ABORT, 'the order has ended without a fill'); END;
        CREATE TRIGGER order_end_is_no_second_end BEFORE INSERT ON order_end
        WHEN EXISTS (SELECT 1 FROM fill WHERE order_id = NEW.order_id)
        BEGIN SELECT RAISE(ABORT, 'the order was filled'); END;
        """,
    )
    for table in ORDER_TABLES:
        run_script(db, APPEND_ONLY.format(table=table))


@migrations()
def m005_wider_anomalies(db: Database) -> None:
    """More measures than return, volume and post_count; what was found before stays, row by row."""
    run_script(
        db,
        """
        CREATE TABLE wider (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            session TEXT NOT NULL,
            measure TEXT NOT NULL CHECK (measure IN ('return', 'range', 'volume', 'spread', 'post_count',
                'sentiment', 'turbulence', 'joint')),
            observed REAL NOT NULL,
            expected REAL NOT NULL,
            p_value REAL NOT NULL CHECK (p_value BETWEEN 0 AND 1),
            reason TEXT NOT NULL,
            found_at TEXT NOT NULL,
            UNIQUE (ticker, session, measure)
        ) STRICT;
        INSERT INTO wider SELECT id, ticker, session, measure, observed, expected, p_value, reason, found_at
            FROM anomaly;
        DROP TABLE anomaly;
        ALTER TABLE wider RENAME TO anomaly;
        CREATE INDEX anomaly_by_session ON anomaly (session);
        """,
    )
    run_script(db, APPEND_ONLY.format(table="anomaly"))


@migrations()
def m006_risk(db: Database) -> None:
    """What may be lost, by whom, along with what, and whether such losses came as often as was said."""
    run_script(
        db,
        """
        CREATE TABLE risk_report (
            id INTEGER PRIMARY KEY,
            subject TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            horizon INTEGER NOT NULL,
            target_session TEXT NOT NULL,
            value REAL NOT NULL,
            volatility REAL NOT NULL CHECK (volatility >= 0),
            var_95 REAL NOT NULL,
            es_95 REAL NOT NULL,
            var_99 REAL NOT NULL,
            es_99 REAL NOT NULL,
            var_999 REAL NOT NULL,
            tail_shape REAL NOT NULL,
            drawdown_95 REAL,
            model_version TEXT NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX risk_report_by_subject ON risk_report (subject, as_of_session, horizon);
        CREATE INDEX risk_report_by_session ON risk_report (as_of_session);
        CREATE TABLE risk_component (
            id INTEGER PRIMARY KEY,
            subject TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            horizon INTEGER NOT NULL,
            ticker TEXT NOT NULL,
            weight REAL NOT NULL,
            volatility_part REAL NOT NULL,
            es_95_part REAL NOT NULL,
            es_99_part REAL NOT NULL,
            tail_return REAL NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX risk_component_by_subject ON risk_component (subject, as_of_session, horizon, ticker);
        CREATE TABLE risk_tail_session (
            id INTEGER PRIMARY KEY,
            subject TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            horizon INTEGER NOT NULL,
            first_session TEXT NOT NULL,
            last_session TEXT NOT NULL,
            change REAL NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX risk_tail_session_by_subject ON risk_tail_session (subject, as_of_session, horizon);
        CREATE TABLE risk_factor (
            id INTEGER PRIMARY KEY,
            subject TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            factor TEXT NOT NULL,
            beta REAL NOT NULL,
            standard_error REAL NOT NULL,
            sessions INTEGER NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX risk_factor_by_subject ON risk_factor (subject, as_of_session, factor);
        CREATE TABLE risk_episode (
            id INTEGER PRIMARY KEY,
            subject TEXT NOT NULL,
            as_of_session TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('episode', 'worst_week', 'deepest_drawdown')),
            name TEXT NOT NULL,
            first_session TEXT NOT NULL,
            last_session TEXT NOT NULL,
            change REAL NOT NULL,
            drawdown REAL NOT NULL,
            covered REAL NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX risk_episode_by_subject ON risk_episode (subject, kind, name);
        CREATE TABLE unseen_input (
            id INTEGER PRIMARY KEY,
            as_of_session TEXT NOT NULL,
            ticker TEXT NOT NULL,
            feature TEXT NOT NULL,
            value REAL NOT NULL,
            low REAL NOT NULL,
            high REAL NOT NULL,
            model_version TEXT NOT NULL,
            sentence TEXT NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX unseen_input_by_session ON unseen_input (as_of_session, ticker, feature);
        CREATE TABLE risk_test (
            id INTEGER PRIMARY KEY,
            run TEXT NOT NULL,
            model TEXT NOT NULL,
            subject TEXT NOT NULL,
            horizon INTEGER NOT NULL,
            share REAL NOT NULL,
            first_session TEXT NOT NULL,
            last_session TEXT NOT NULL,
            sessions INTEGER NOT NULL,
            exceptions INTEGER NOT NULL,
            mean_var REAL NOT NULL,
            mean_es REAL NOT NULL,
            kupiec_p REAL NOT NULL,
            independence_p REAL NOT NULL,
            conditional_p REAL NOT NULL,
            z1 REAL,
            z1_p REAL,
            z2 REAL NOT NULL,
            z2_p REAL NOT NULL,
            tested_at TEXT NOT NULL
        ) STRICT;
        """,
    )
    for table in RISK_TABLES:
        run_script(db, APPEND_ONLY.format(table=table))


@migrations()
def m007_portfolio(db: Database) -> None:
    """Suggested portfolios with their weights, their frontiers, and what the methods did in the past."""
    run_script(
        db,
        """
        CREATE TABLE portfolio_run (
            id INTEGER PRIMARY KEY,
            as_of_session TEXT NOT NULL,
            horizon INTEGER NOT NULL,
            target_session TEXT NOT NULL,
            model_version TEXT NOT NULL,
            scenarios INTEGER NOT NULL,
            value REAL NOT NULL,
            max_weight REAL NOT NULL,
            max_sector REAL NOT NULL,
            max_turnover REAL NOT NULL,
            cost REAL NOT NULL,
            min_trade REAL NOT NULL,
            walk_first TEXT NOT NULL,
            walk_last TEXT NOT NULL,
            walk_decisions INTEGER NOT NULL,
            overfitting REAL,
            walk_note TEXT NOT NULL,
            found_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX portfolio_run_by_session ON portfolio_run (as_of_session);
        CREATE TABLE portfolio_suggestion (
            run_id INTEGER NOT NULL REFERENCES portfolio_run (id),
            method TEXT NOT NULL,
            cvar REAL NOT NULL,
            volatility REAL NOT NULL,
            names REAL NOT NULL,
            current_cvar REAL,
            current_volatility REAL,
            turnover REAL NOT NULL,
            cost REAL NOT NULL,
            moved REAL NOT NULL,
            beats_equal_weight INTEGER CHECK (beats_equal_weight IN (0, 1)),
            sentence TEXT NOT NULL,
            PRIMARY KEY (run_id, method)
        ) STRICT;
        CREATE TABLE portfolio_weight (
            run_id INTEGER NOT NULL REFERENCES portfolio_run (id),
            method TEXT NOT NULL,
            ticker TEXT NOT NULL,
            current REAL NOT NULL,
            weight REAL NOT NULL CHECK (weight BETWEEN 0 AND 1),
            low REAL NOT NULL,
            high REAL NOT NULL,
            PRIMARY KEY (run_id, method, ticker)
        ) STRICT;
        CREATE TABLE portfolio_frontier (
            run_id INTEGER NOT NULL REFERENCES portfolio_run (id),
            kind TEXT NOT NULL CHECK (kind IN ('trading', 'assumed')),
            place INTEGER NOT NULL,
            turnover REAL NOT NULL,
            cvar REAL NOT NULL,
            volatility REAL NOT NULL,
            names REAL NOT NULL,
            reward REAL,
            PRIMARY KEY (run_id, kind, place)
        ) STRICT;
        CREATE TABLE portfolio_walk (
            run_id INTEGER NOT NULL REFERENCES portfolio_run (id),
            strategy TEXT NOT NULL,
            yearly_return REAL NOT NULL,
            volatility REAL NOT NULL,
            sharpe REAL NOT NULL,
            sharpe_from REAL NOT NULL,
            sharpe_to REAL NOT NULL,
            drawdown REAL NOT NULL,
            cvar REAL NOT NULL,
            turnover REAL NOT NULL,
            mean_t REAL,
            risk_t REAL,
            sharpe_low REAL,
            sharpe_high REAL,
            deflated_sharpe REAL NOT NULL,
            PRIMARY KEY (run_id, strategy)
        ) STRICT;
        """,
    )
    for table in PORTFOLIO_TABLES:
        run_script(db, APPEND_ONLY.format(table=table))
