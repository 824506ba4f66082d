-- The tables of `migrations/sqlite`, with the same names and columns. What differs: identity columns, BYTEA, DOUBLE
-- PRECISION, and ids that are compared byte by byte (COLLATE "C"), so that lists have one order on every database.

-- Times are microseconds since 1970-01-01 UTC; JSON is kept as text; ids are opaque text without NUL.

CREATE TABLE events (
    event_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind          TEXT NOT NULL,
    customer_id   TEXT COLLATE "C" NOT NULL,
    item_id       TEXT COLLATE "C" NOT NULL,
    quantity      DOUBLE PRECISION NOT NULL,
    unit_price    DOUBLE PRECISION,
    order_id      TEXT COLLATE "C",
    at_us         BIGINT NOT NULL,
    contact_point TEXT,
    decision_id   TEXT COLLATE "C",
    discount      DOUBLE PRECISION,
    -- The order in which rows were kept; SQLite has such a column of itself.
    rowid         BIGINT NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX events_of_customer ON events (customer_id, at_us);

CREATE TABLE customers (
    customer_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    attributes  TEXT NOT NULL,
    updated_us  BIGINT NOT NULL
);

-- `position` numbers items in the order in which they first appeared; an update keeps it.
CREATE TABLE items (
    position   BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    item_id    TEXT COLLATE "C" NOT NULL UNIQUE,
    attributes TEXT NOT NULL,
    updated_us BIGINT NOT NULL
);

-- What was erased, without saying for whom: the receipt's holder can prove it by the digest of the id.
CREATE TABLE erasures (
    receipt_id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    customer_sha256  BYTEA NOT NULL,
    events_erased    BIGINT NOT NULL,
    decisions_erased BIGINT NOT NULL,
    erased_us        BIGINT NOT NULL
);

CREATE TABLE api_keys (
    key_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    role          TEXT NOT NULL,
    label         TEXT NOT NULL,
    secret_sha256 BYTEA NOT NULL,
    created_us    BIGINT NOT NULL,
    revoked_us    BIGINT
);

CREATE TABLE activations (
    sequence   BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    release_id TEXT COLLATE "C" NOT NULL,
    actor      TEXT NOT NULL,
    at_us      BIGINT NOT NULL
);

-- One row per Idempotency-Key of a caller; `status` is null while the first request is still running.
CREATE TABLE idempotent_requests (
    caller         TEXT COLLATE "C" NOT NULL,
    key            TEXT COLLATE "C" NOT NULL,
    request_sha256 BYTEA NOT NULL,
    status         BIGINT,
    body           BYTEA,
    expires_us     BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotent_requests_by_expiry ON idempotent_requests (expires_us);

-- When a customer's stage of life changed. Two processes that notice the same change write one row.
CREATE TABLE stage_transitions (
    sequence    BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    customer_id TEXT COLLATE "C" NOT NULL,
    from_stage  TEXT COLLATE "C" NOT NULL,
    to_stage    TEXT COLLATE "C" NOT NULL,
    reason      TEXT NOT NULL,
    at_us       BIGINT NOT NULL,
    UNIQUE (customer_id, at_us, to_stage)
);

-- Offers and how much of their stock and budget is used. Usage stays when an offer is deleted.
CREATE TABLE offers (
    offer_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    body       TEXT NOT NULL,
    updated_us BIGINT NOT NULL
);

CREATE TABLE offer_usage (
    offer_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reserved  BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    accepted  BIGINT NOT NULL,
    spent     DOUBLE PRECISION NOT NULL,
    committed DOUBLE PRECISION NOT NULL
);

-- One row: grows whenever an offer is written or deleted or a policy is published.
CREATE TABLE revisions (
    revision BIGINT NOT NULL
);
INSERT INTO revisions (revision) VALUES (0);

CREATE TABLE policies (
    version    BIGINT PRIMARY KEY,
    format     TEXT NOT NULL,
    body       TEXT NOT NULL,
    note       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    written_us BIGINT NOT NULL
);

CREATE TABLE policy_publications (
    sequence BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    version  BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    at_us    BIGINT NOT NULL
);

-- Lines are only ever added, but for erasure.
CREATE TABLE consents (
    sequence     BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    customer_id  TEXT COLLATE "C" NOT NULL,
    purpose      TEXT COLLATE "C" NOT NULL,
    channel      TEXT COLLATE "C" NOT NULL,
    status       TEXT NOT NULL,
    source       TEXT NOT NULL,
    text_version TEXT,
    proof        TEXT,
    at_us        BIGINT NOT NULL
);
CREATE INDEX consents_of_customer ON consents (customer_id, purpose, channel, at_us);

-- A sequence number is never used twice, even after the last decision was erased: readers page by it.
CREATE TABLE decisions (
    sequence       BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    decision_id    TEXT COLLATE "C" NOT NULL UNIQUE,
    customer_id    TEXT COLLATE "C" NOT NULL,
    household_id   TEXT COLLATE "C",
    unit           TEXT COLLATE "C" NOT NULL,
    contact_point  TEXT NOT NULL,
    channel        TEXT COLLATE "C" NOT NULL,
    direction      TEXT NOT NULL,
    arm            TEXT COLLATE "C" NOT NULL,
    policy_version BIGINT NOT NULL,
    release_id     TEXT COLLATE "C" NOT NULL,
    at_us          BIGINT NOT NULL,
    expires_us     BIGINT,
    body           TEXT NOT NULL
);
CREATE INDEX decisions_of_customer ON decisions (customer_id, at_us);
CREATE INDEX decisions_by_time ON decisions (at_us);

-- `contact_us` is when a contact was delivered, else when it was decided. What a ledger shows stands in the row itself,
-- so that one look into an index finds everything.
CREATE TABLE decision_results (
    decision_id   TEXT COLLATE "C" NOT NULL,
    rank          BIGINT NOT NULL,
    customer_id   TEXT COLLATE "C" NOT NULL,
    household_id  TEXT COLLATE "C",
    channel       TEXT COLLATE "C" NOT NULL,
    contact_point TEXT NOT NULL,
    direction     TEXT NOT NULL,
    offer_id      TEXT COLLATE "C" NOT NULL,
    issue         TEXT NOT NULL,
    grp           TEXT NOT NULL,
    class         TEXT NOT NULL,
    state         TEXT NOT NULL,
    at_us         BIGINT NOT NULL,
    contact_us    BIGINT NOT NULL,
    expires_us    BIGINT,
    probability   DOUBLE PRECISION NOT NULL,
    propensity    DOUBLE PRECISION NOT NULL,
    cost          DOUBLE PRECISION NOT NULL,
    settled       BOOLEAN NOT NULL,
    accepted      BOOLEAN NOT NULL,
    PRIMARY KEY (decision_id, rank)
);
CREATE INDEX results_of_customer ON decision_results (customer_id, contact_us);
CREATE INDEX results_of_household ON decision_results (household_id, contact_us) WHERE household_id IS NOT NULL;
CREATE INDEX results_outbound ON decision_results (customer_id, contact_us) WHERE direction = 'outbound';
CREATE INDEX results_by_time ON decision_results (at_us);
CREATE INDEX results_reserved ON decision_results (expires_us) WHERE state = 'reserved';
CREATE INDEX results_unsettled ON decision_results (contact_us) WHERE NOT settled AND state IN ('shown', 'delivered');

-- `customer_id` is null while the decision is not known yet.
CREATE TABLE responses (
    response_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    decision_id TEXT COLLATE "C" NOT NULL,
    rank        BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    at_us       BIGINT NOT NULL,
    received_us BIGINT NOT NULL,
    revenue     DOUBLE PRECISION,
    customer_id TEXT COLLATE "C"
);
CREATE INDEX responses_of_decision ON responses (decision_id);
CREATE INDEX responses_of_customer ON responses (customer_id, at_us) WHERE customer_id IS NOT NULL;
