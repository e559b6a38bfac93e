WITH examined AS MATERIALIZED (
    SELECT user_id, min(first_day) AS first_day, coalesce(bool_or(cause = 'event'), false) AS has_event,
           coalesce(bool_or(cause = 'merge'), false) AS has_merge, coalesce(bool_or(cause = 'attribute'), false) AS has_attribute
    FROM (SELECT user_id, NULL::date AS first_day, NULL::text AS cause FROM analytics.care_members WHERE next_change <= '2024-03-02'::date
    UNION ALL SELECT user_id, first_day, cause FROM analytics.orders_changes WHERE sync_id > 11 AND user_id IS NOT NULL) AS u GROUP BY user_id ORDER BY user_id
), answers AS MATERIALIZED (
    SELECT user_id, day, (e).layer AS layer, (e).layers AS layers, (e).scores AS scores,
           CASE WHEN present_from > '2024-03-02'::date THEN present_from ELSE (e).next_change END AS next_change,
           was_layer, was_layers, CASE WHEN (e).layer IS DISTINCT FROM was_layer THEN CASE WHEN false AND day = start_day THEN 'backfill'
                WHEN NOT first_look AND (strata_internal.first_difference(NULL, strata.clip(ledger_1, day, day)) IS NOT NULL) THEN 'event'
                WHEN day > start_day THEN 'clock'
                WHEN has_event AND first_day <= day THEN 'event'
                WHEN has_merge AND first_day <= day THEN 'merge'
                WHEN has_attribute THEN 'attribute'
                ELSE 'clock' END END AS cause, true AS is_last, place, present_from
    FROM (SELECT u.*, before_layer AS was_layer, before_layers AS was_layers, '2024-03-02'::date AS day, '2024-03-02'::date AS start_day, false AS first_look,
                 CASE WHEN present_from <= '2024-03-02'::date THEN strata.evaluate(f, '…'::strata.model, '2024-03-02'::date) END AS e
          FROM (SELECT k.*, CASE WHEN false THEN '-infinity'::date ELSE least(strata_internal.first_difference(NULL, l1.ledger)) END AS present_from, l1.ledger AS ledger_1, strata_row AS f
FROM (SELECT x.*, m.ctid AS place, m.layer AS before_layer, m.layers AS before_layers FROM examined AS x LEFT JOIN LATERAL (SELECT m.ctid, layer, layers FROM analytics.care_members AS m WHERE m.user_id = x.user_id OFFSET 0) AS m ON true) AS k
     LEFT JOIN LATERAL (SELECT ledger FROM analytics.orders_ledger AS l WHERE l.user_id = k.user_id OFFSET 0) AS l1 ON true
     CROSS JOIN LATERAL (SELECT l1.ledger AS orders) AS strata_row) AS u OFFSET 0) AS answered
), stand AS MATERIALIZED (SELECT * FROM (SELECT *, CASE WHEN cause IS NOT NULL THEN day END AS since FROM answers) AS l WHERE is_last
), changed AS (
    INSERT INTO analytics.care_history (user_id, valid_from, layer, layers, previous_layer, previous_layers, cause, version)
    SELECT user_id, day, layer, NULL, was_layer, NULL, cause, 1
    FROM answers WHERE cause IS NOT NULL ORDER BY day, user_id
    RETURNING cause
), gone AS (
    DELETE FROM analytics.care_members AS m USING stand AS a WHERE m.ctid = a.place AND a.present_from IS NULL
), moved AS (
    UPDATE analytics.care_members AS m
    SET layer = a.layer, layers = a.layers, scores = a.scores, since = coalesce(a.since, m.since), next_change = a.next_change
    FROM stand AS a
    WHERE m.ctid = a.place AND a.present_from IS NOT NULL
      AND (a.since IS NOT NULL OR m.next_change IS DISTINCT FROM a.next_change OR m.scores IS DISTINCT FROM a.scores
           OR m.layers IS DISTINCT FROM a.layers)
), come AS (
    INSERT INTO analytics.care_members (user_id, layer, layers, scores, since, next_change)
    SELECT user_id, layer, layers, scores, coalesce(since, day), next_change
    FROM stand WHERE place IS NULL AND present_from IS NOT NULL
)
SELECT x.*, s.*, c.changes
FROM (SELECT count(*), count(*) FILTER (WHERE has_event OR has_merge OR has_attribute),
             count(*) FILTER (WHERE NOT (has_event OR has_merge OR has_attribute)) FROM examined) AS x,
     (SELECT count(*) FILTER (WHERE is_last AND place IS NULL AND present_from IS NOT NULL),
             count(*) FILTER (WHERE cause IS NOT NULL AND layer IS NOT NULL)
             - count(*) FILTER (WHERE cause IS NOT NULL AND was_layer IS NOT NULL) FROM answers) AS s,
     (SELECT coalesce(jsonb_object_agg(cause, users), '{}') AS changes
      FROM (SELECT cause, count(*) AS users FROM changed GROUP BY cause) AS c) AS c
