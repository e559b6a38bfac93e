-- What users make of the extension, one of each kind. Everything is written with its schema: dumps restore with an empty
-- search path.
CREATE SCHEMA shop;
CREATE TABLE shop.orders (customer_id bigint, ordered_at timestamp, amount numeric(12, 2));
INSERT INTO shop.orders
SELECT 1 + n * n % 83, timestamp '2023-01-01' + n * interval '17 hours', n * 37 % 500 - 20 FROM generate_series(1, 2000) AS n;

CREATE DOMAIN shop.activity AS strata.ledger CHECK (strata.frequency(VALUE, DATE '9999-12-31') < 10000);
CREATE TABLE shop.ledgers (
    customer_id bigint PRIMARY KEY,
    orders shop.activity DEFAULT '{"2024-02-29": [1, 12.5], "2024-03-01": [0, 0, 0.000001]}',
    plain strata.ledger,
    first_spent numeric GENERATED ALWAYS AS (strata.first_amount(plain, DATE '9999-12-31')) STORED,
    CHECK (strata.active_days(plain, DATE '9999-12-31') < 10000)
);
INSERT INTO shop.ledgers (customer_id, orders, plain)
SELECT customer_id, l, l FROM (
    SELECT customer_id, strata.ledger_agg(ordered_at, amount) AS l FROM shop.orders GROUP BY 1) AS counted;
INSERT INTO shop.ledgers (customer_id) VALUES (-1);
CREATE INDEX ledgers_by_order ON shop.ledgers (plain);
CREATE INDEX ledgers_by_hash ON shop.ledgers USING hash (plain);
CREATE INDEX ledgers_by_first ON shop.ledgers (strata.first_amount(plain, DATE '2024-01-01')) WHERE plain IS NOT NULL;

CREATE TABLE shop.kept (
    model strata.model, cuts strata.cuts, rfm_cuts strata.rfm_cuts, scores strata.rfm_scores[], answer strata.evaluation,
    bgnbd strata.bgnbd, amounts strata.gamma_gamma, last_events strata.last_events, centroid strata.centroid
);
INSERT INTO shop.kept (model, cuts, rfm_cuts, last_events)
SELECT strata.calibrate_agg(l, strata.preset('rfm_eleven'), DATE '2024-12-31'),
       strata.cuts_agg(strata.monetary(plain, DATE '2024-12-31'), 7, 'mid', 'low'),
       strata.rfm_cuts_agg(strata.recency(plain, DATE '2024-12-31'), strata.frequency(plain, DATE '2024-12-31'),
                           strata.monetary(plain, DATE '2024-12-31')),
       strata.last_events_agg(timestamp '2024-01-01' + customer_id * interval '1 hour', 'visit', 3)
FROM (SELECT customer_id, plain, plain AS orders FROM shop.ledgers WHERE plain IS NOT NULL) AS l;
UPDATE shop.kept SET scores = ARRAY[strata.rfm_score(30, 4, 100.25, rfm_cuts), NULL],
    answer = strata.evaluate((SELECT l FROM (SELECT plain AS orders FROM shop.ledgers WHERE customer_id = 5) AS l), model,
                             DATE '2024-12-31');
INSERT INTO shop.kept (bgnbd, amounts)
SELECT strata.bgnbd_fit_agg(x, t_x, t), strata.gamma_gamma_fit_agg(x, mean_amount)
FROM shop.ledgers, strata.purchase_summary(plain, DATE '2024-12-31');
CREATE INDEX kept_by_model ON shop.kept USING hash (model);

CREATE FUNCTION shop.spent(ledger strata.ledger) RETURNS numeric IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT strata.monetary(ledger, DATE '2024-12-31') + strata.first_amount(ledger, DATE '2024-12-31');
END;
CREATE FUNCTION shop.spent_by_name(ledger strata.ledger) RETURNS numeric IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql
AS $$ BEGIN RETURN strata.monetary(ledger, DATE '2024-12-31') + strata.first_amount(ledger, DATE '2024-12-31'); END $$;
CREATE AGGREGATE shop.everything(strata.ledger) (
    SFUNC = strata_internal.ledger_merge, STYPE = strata.ledger, FINALFUNC = strata_internal.ledger_seal
);

CREATE VIEW shop.firsts AS
SELECT customer_id, strata.first_amount(plain, DATE '2024-01-01', 365) AS first_amount, shop.spent(plain) AS spent,
       shop.spent_by_name(plain) AS spent_by_name FROM shop.ledgers;
CREATE VIEW shop.halves AS
SELECT customer_id, plain OPERATOR(strata.-) strata.clip(plain, DATE '2023-07-01', NULL) AS before FROM shop.ledgers;
CREATE VIEW shop.total AS
SELECT strata.rollup(plain) AS one, shop.everything(plain) AS other FROM shop.ledgers;
CREATE VIEW shop.layers AS
SELECT customer_id, strata.layer_assign(l, model, DATE '2024-12-31') AS layer
FROM (SELECT customer_id, plain AS orders FROM shop.ledgers WHERE plain IS NOT NULL) AS l, shop.kept
WHERE model IS NOT NULL;
CREATE MATERIALIZED VIEW shop.segments AS
SELECT * FROM strata.rfm('SELECT customer_id, ordered_at, amount FROM shop.orders', as_of => DATE '2024-01-01');
CREATE UNIQUE INDEX segments_by_user ON shop.segments (user_id);
