-- Version 1. Times are seconds since the epoch. What is JSON is never looked into by a query.
CREATE TABLE entries (
    id          INTEGER PRIMARY KEY,
    entry_id    TEXT NOT NULL UNIQUE,
    key         TEXT NOT NULL UNIQUE, -- launch, endpoint and project
    state       TEXT NOT NULL,        -- open ready leased done dead
    rank        INTEGER NOT NULL,     -- of its priority, 0 is the most urgent
    visible_at  REAL NOT NULL,        -- not before; of what is over: its end
    updated_at  REAL NOT NULL,
    created_at  REAL NOT NULL,
    alive_at    REAL,                 -- its run's last sign of life
    attempts    INTEGER NOT NULL,
    misses      INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    lease_token INTEGER NOT NULL,     -- the fence
    lease_owner TEXT,
    lease_until REAL,
    reason      TEXT,                 -- why it is dead
    launch      TEXT NOT NULL,        -- JSON, as the following
    history     TEXT NOT NULL,
    last_error  TEXT
);

-- How entries were finished. Apart, for they are longer than all the rest, and nobody who claims reads them.
CREATE TABLE reports (
    id     INTEGER PRIMARY KEY, -- the entry's
    report TEXT NOT NULL
);

-- Each state's and priority's entries stand in the order in which they come due: the first of each are compared.
CREATE INDEX in_turn ON entries (state, rank, visible_at);

-- What is counted: entries by state; events, errors and durations since the outbox was made. The clock's latest value
-- tells whether it went back.
CREATE TABLE counters (
    kind  TEXT NOT NULL, -- clock state event error latency
    name  TEXT NOT NULL,
    value NUMERIC NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

INSERT INTO counters (kind, name, value) VALUES
    ('clock', 'latest', 0),
    ('state', 'open', 0), ('state', 'ready', 0), ('state', 'leased', 0), ('state', 'done', 0), ('state', 'dead', 0);

CREATE TRIGGER entry_came AFTER INSERT ON entries BEGIN
    UPDATE counters SET value = value + 1 WHERE kind = 'state' AND name = new.state;
END;

CREATE TRIGGER entry_went AFTER DELETE ON entries BEGIN
    UPDATE counters SET value = value - 1 WHERE kind = 'state' AND name = old.state;
    DELETE FROM reports WHERE id = old.id;
END;

CREATE TRIGGER entry_moved AFTER UPDATE OF state ON entries WHEN new.state IS NOT old.state BEGIN
    UPDATE counters SET value = value - 1 WHERE kind = 'state' AND name = old.state;
    UPDATE counters SET value = value + 1 WHERE kind = 'state' AND name = new.state;
END;
