INSERT INTO analytics.care_members (user_id, layer, layers, scores, since, next_change)
SELECT user_id, (e).layer, (e).layers, (e).scores, '2024-03-02'::date, CASE WHEN present_from > '2024-03-02'::date THEN present_from ELSE (e).next_change END
FROM (SELECT user_id, present_from, CASE WHEN present_from <= '2024-03-02'::date THEN strata.evaluate(f, '…'::strata.model, '2024-03-02'::date) END AS e
      FROM (SELECT k.*, CASE WHEN false THEN '-infinity'::date ELSE least(strata_internal.first_difference(NULL, k.only_ledger)) END AS present_from, k.only_ledger AS ledger_1, strata_row AS f
FROM (SELECT user_id, ledger AS only_ledger FROM analytics.orders_ledger) AS k
     CROSS JOIN LATERAL (SELECT k.only_ledger AS orders) AS strata_row) AS u OFFSET 0) AS answered;
INSERT INTO analytics.care_history (user_id, valid_from, layer, layers, cause, version)
SELECT user_id, '2024-03-02'::date, layer, NULL, 'backfill', 1 FROM analytics.care_members WHERE layer IS NOT NULL;
SELECT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = 'analytics.care_members'::regclass AND i.indisprimary);
ALTER TABLE analytics.care_members ADD PRIMARY KEY (user_id);
SELECT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = 'analytics.care_members'::regclass AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = (
    SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = i.indrelid AND a.attname = 'next_change'));
CREATE INDEX ON analytics.care_members USING btree (next_change);
SELECT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = 'analytics.care_history'::regclass AND i.indisprimary);
ALTER TABLE analytics.care_history ADD PRIMARY KEY (user_id, valid_from, change_id);
SELECT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = 'analytics.care_history'::regclass AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = (
    SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = i.indrelid AND a.attname = 'change_id'));
CREATE INDEX ON analytics.care_history USING brin (change_id) WITH (pages_per_range = 32)
