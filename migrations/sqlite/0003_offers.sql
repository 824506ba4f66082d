-- Offers and how much of their stock and budget is used. Usage stays when an offer is deleted.
CREATE TABLE offers (
    offer_id   TEXT NOT NULL PRIMARY KEY,
    body       TEXT NOT NULL,
    updated_us BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE offer_usage (
    offer_id  TEXT NOT NULL PRIMARY KEY,
    reserved  BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    accepted  BIGINT NOT NULL,
    spent     REAL NOT NULL,
    committed REAL NOT NULL
) WITHOUT ROWID;

-- One row: grows whenever an offer is written or deleted or a policy is published.
CREATE TABLE revisions (
    revision BIGINT NOT NULL
);
INSERT INTO revisions (revision) VALUES (0);

CREATE TABLE policies (
    version    INTEGER PRIMARY KEY,
    format     TEXT NOT NULL,
    body       TEXT NOT NULL,
    note       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    written_us BIGINT NOT NULL
);

CREATE TABLE policy_publications (
    sequence INTEGER PRIMARY KEY,
    version  BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    at_us    BIGINT NOT NULL
);

-- Lines are only ever added, but for erasure.
CREATE TABLE consents (
    sequence     INTEGER PRIMARY KEY,
    customer_id  TEXT NOT NULL,
    purpose      TEXT NOT NULL,
    channel      TEXT NOT NULL,
    status       TEXT NOT NULL,
    source       TEXT NOT NULL,
    text_version TEXT,
    proof        TEXT,
    at_us        BIGINT NOT NULL
);
CREATE INDEX consents_of_customer ON consents (customer_id, purpose, channel, at_us);

-- A sequence number is never used twice, even after the last decision was erased: readers page by it.
CREATE TABLE decisions (
    sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
    decision_id    TEXT NOT NULL UNIQUE,
    customer_id    TEXT NOT NULL,
    household_id   TEXT,
    unit           TEXT NOT NULL,
    contact_point  TEXT NOT NULL,
    channel        TEXT NOT NULL,
    direction      TEXT NOT NULL,
    arm            TEXT NOT NULL,
    policy_version BIGINT NOT NULL,
    release_id     TEXT NOT NULL,
    at_us          BIGINT NOT NULL,
    expires_us     BIGINT,
    body           TEXT NOT NULL
);
CREATE INDEX decisions_of_customer ON decisions (customer_id, at_us);
CREATE INDEX decisions_by_time ON decisions (at_us);

-- `contact_us` is when a contact was delivered, else when it was decided. What a ledger shows stands in the row itself,
-- so that one look into an index finds everything.
CREATE TABLE decision_results (
    decision_id   TEXT NOT NULL,
    rank          BIGINT NOT NULL,
    customer_id   TEXT NOT NULL,
    household_id  TEXT,
    channel       TEXT NOT NULL,
    contact_point TEXT NOT NULL,
    direction     TEXT NOT NULL,
    offer_id      TEXT NOT NULL,
    issue         TEXT NOT NULL,
    grp           TEXT NOT NULL,
    class         TEXT NOT NULL,
    state         TEXT NOT NULL,
    at_us         BIGINT NOT NULL,
    contact_us    BIGINT NOT NULL,
    expires_us    BIGINT,
    probability   REAL NOT NULL,
    propensity    REAL NOT NULL,
    cost          REAL NOT NULL,
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
    response_id TEXT NOT NULL PRIMARY KEY,
    decision_id TEXT NOT NULL,
    rank        BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    at_us       BIGINT NOT NULL,
    received_us BIGINT NOT NULL,
    revenue     REAL,
    customer_id TEXT
);
CREATE INDEX responses_of_decision ON responses (decision_id);
CREATE INDEX responses_of_customer ON responses (customer_id, at_us) WHERE customer_id IS NOT NULL;

ALTER TABLE erasures ADD COLUMN decisions_erased BIGINT NOT NULL DEFAULT 0;

-- As for decisions: a sequence number is never used twice.
CREATE TABLE numbered_transitions (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id TEXT NOT NULL,
    from_stage  TEXT NOT NULL,
    to_stage    TEXT NOT NULL,
    reason      TEXT NOT NULL,
    at_us       BIGINT NOT NULL,
    UNIQUE (customer_id, at_us, to_stage)
);
INSERT INTO numbered_transitions SELECT sequence, customer_id, from_stage, to_stage, reason, at_us FROM stage_transitions;
DROP TABLE stage_transitions;
ALTER TABLE numbered_transitions RENAME TO stage_transitions;
