-- Times are microseconds since 1970-01-01 UTC; JSON is kept as text; ids are opaque text without NUL.

CREATE TABLE events (
    event_id      TEXT NOT NULL PRIMARY KEY,
    kind          TEXT NOT NULL,
    customer_id   TEXT NOT NULL,
    item_id       TEXT NOT NULL,
    quantity      REAL NOT NULL,
    unit_price    REAL,
    order_id      TEXT,
    at_us         BIGINT NOT NULL,
    contact_point TEXT,
    decision_id   TEXT
);
CREATE INDEX events_of_customer ON events (customer_id, at_us);

CREATE TABLE customers (
    customer_id TEXT NOT NULL PRIMARY KEY,
    attributes  TEXT NOT NULL,
    updated_us  BIGINT NOT NULL
) WITHOUT ROWID;

-- `position` numbers items in the order in which they first appeared; an update keeps it.
CREATE TABLE items (
    position   INTEGER PRIMARY KEY,
    item_id    TEXT NOT NULL UNIQUE,
    attributes TEXT NOT NULL,
    updated_us BIGINT NOT NULL
);

-- What was erased, without saying for whom: the receipt's holder can prove it by the digest of the id.
CREATE TABLE erasures (
    receipt_id      TEXT NOT NULL PRIMARY KEY,
    customer_sha256 BLOB NOT NULL,
    events_erased   BIGINT NOT NULL,
    erased_us       BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
    key_id        TEXT NOT NULL PRIMARY KEY,
    role          TEXT NOT NULL,
    label         TEXT NOT NULL,
    secret_sha256 BLOB NOT NULL,
    created_us    BIGINT NOT NULL,
    revoked_us    BIGINT
) WITHOUT ROWID;

CREATE TABLE activations (
    sequence   INTEGER PRIMARY KEY,
    release_id TEXT NOT NULL,
    actor      TEXT NOT NULL,
    at_us      BIGINT NOT NULL
);

-- One row per Idempotency-Key of a caller; `status` is null while the first request is still running.
CREATE TABLE idempotent_requests (
    caller         TEXT NOT NULL,
    key            TEXT NOT NULL,
    request_sha256 BLOB NOT NULL,
    status         INTEGER,
    body           BLOB,
    expires_us     BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
) WITHOUT ROWID;
CREATE INDEX idempotent_requests_by_expiry ON idempotent_requests (expires_us);
