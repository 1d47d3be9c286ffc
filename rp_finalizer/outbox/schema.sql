-- Version 1. Times are seconds since the epoch; what is not looked for is JSON.
CREATE TABLE entries (
    entry_id    TEXT PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE, -- endpoint, project and launch
    uuid        TEXT NOT NULL,        -- the launch's
    state       TEXT NOT NULL,        -- open ready leased done dead
    visible_at  REAL NOT NULL,        -- not before
    urgency     REAL NOT NULL,        -- what entries are taken in order of
    updated_at  REAL NOT NULL,
    lease_token INTEGER NOT NULL,     -- the fence
    body        TEXT NOT NULL         -- the whole entry
) WITHOUT ROWID;

CREATE INDEX owed ON entries (urgency) WHERE state IN ('open', 'ready', 'leased');
CREATE INDEX of_launch ON entries (uuid);
CREATE INDEX in_state ON entries (state, updated_at);

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
