-- Money taken off the whole line of a purchase.
ALTER TABLE events ADD COLUMN discount REAL;

-- When a customer's stage of life changed. Two processes that notice the same change write one row.
CREATE TABLE stage_transitions (
    sequence    INTEGER PRIMARY KEY,
    customer_id TEXT NOT NULL,
    from_stage  TEXT NOT NULL,
    to_stage    TEXT NOT NULL,
    reason      TEXT NOT NULL,
    at_us       BIGINT NOT NULL,
    UNIQUE (customer_id, at_us, to_stage)
);
