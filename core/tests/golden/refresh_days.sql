WITH examined AS MATERIALIZED (
    SELECT user_id, min(first_day) AS first_day, coalesce(bool_or(cause = 'event'), false) AS has_event,
           coalesce(bool_or(cause = 'merge'), false) AS has_merge, coalesce(bool_or(cause = 'attribute'), false) AS has_attribute
    FROM (SELECT user_id, NULL::date AS first_day, NULL::text AS cause FROM analytics.care_members WHERE next_change <= '2024-03-02'::date
    UNION ALL SELECT user_id, first_day, cause FROM analytics.customers_changes WHERE sync_id > 4 AND user_id IS NOT NULL
    UNION ALL SELECT user_id, first_day, cause FROM analytics.orders_changes WHERE sync_id > 11 AND user_id IS NOT NULL
    UNION ALL SELECT user_id, first_day, cause FROM analytics.visits_changes WHERE sync_id > 7 AND user_id IS NOT NULL
    UNION ALL SELECT user_id, first_day, cause FROM analytics.customers_changes WHERE sync_id > 4 AND user_id IS NOT NULL
    UNION ALL SELECT user_id, NULL, 'attribute' FROM unnest(ARRAY['17']::text[]::bigint[]) AS again (user_id)
    UNION ALL SELECT user_id, NULL, 'attribute' FROM analytics.care_members
    UNION ALL SELECT user_id, NULL, 'attribute' FROM (SELECT user_id FROM analytics.orders_ledger UNION SELECT user_id FROM analytics.visits_ledger UNION SELECT DISTINCT customer_id AS user_id FROM shop.customers WHERE (customer_id) IS NOT NULL) AS u) AS u WHERE user_id <> ALL (ARRAY['18']::text[]::bigint[]) GROUP BY user_id ORDER BY user_id
), answers AS MATERIALIZED (
    SELECT user_id, day, layer, layers, scores, next_change, was_layer, was_layers,
           CASE WHEN layers IS DISTINCT FROM was_layers THEN CASE WHEN false AND day = start_day THEN 'backfill'
                WHEN NOT first_look AND (strata_internal.first_difference(NULL, strata.clip(ledger_1, day, day)) IS NOT NULL OR strata_internal.first_difference(NULL, strata.clip(ledger_2, day, day)) IS NOT NULL) THEN 'event'
                WHEN day > start_day THEN 'clock'
                WHEN has_event AND first_day <= day THEN 'event'
                WHEN has_merge AND first_day <= day THEN 'merge'
                WHEN has_attribute THEN 'attribute'
                ELSE 'clock' END END AS cause, is_last, place, present_from
    FROM (
        SELECT *, lag(layer, 1, before_layer) OVER steps AS was_layer, lag(layers, 1, before_layers) OVER steps AS was_layers,
               lead(day) OVER steps IS NULL AS is_last
        FROM (
            SELECT u.*, '2024-02-27'::date AS start_day, false AS first_look, s.day, s.layer, s.layers, s.scores, s.next_change
            FROM (SELECT k.*, CASE WHEN EXISTS (SELECT FROM shop.customers AS strata_users WHERE (customer_id) = k.user_id) THEN '-infinity'::date ELSE least(strata_internal.first_difference(NULL, l2.ledger), strata_internal.first_difference(NULL, l3.ledger)) END AS present_from, l2.ledger AS ledger_1, l3.ledger AS ledger_2, strata_row AS f
FROM (SELECT x.*, m.ctid AS place, m.layer AS before_layer, m.layers AS before_layers FROM examined AS x LEFT JOIN analytics.care_members AS m ON m.user_id = x.user_id) AS k
     LEFT JOIN (SELECT DISTINCT ON ((customer_id)) (customer_id) AS strata_user, city, points FROM shop.customers AS strata_attributes ORDER BY (customer_id), 2, 3) AS a ON a.strata_user = k.user_id
     LEFT JOIN analytics.orders_ledger AS l2 ON l2.user_id = k.user_id
     LEFT JOIN analytics.visits_ledger AS l3 ON l3.user_id = k.user_id
     CROSS JOIN LATERAL (SELECT a.city, a.points, l2.ledger AS orders, l3.ledger AS visits) AS strata_row) AS u CROSS JOIN LATERAL (
                SELECT w.day, w.layer, w.layers, w.scores, w.next_change
                FROM unnest(CASE WHEN u.present_from <= '2024-03-02'::date
                                 THEN strata_internal.walk(u.f, '…'::strata.model, greatest(u.present_from, '2024-02-27'::date), '2024-03-02'::date) END) AS w
                UNION ALL
                SELECT '2024-02-27'::date, NULL, NULL, NULL, u.present_from WHERE u.present_from IS NULL OR u.present_from > '2024-02-27'::date
            ) AS s OFFSET 0
        ) AS stepped WINDOW steps AS (PARTITION BY user_id ORDER BY day)
    ) AS answered
), stand AS MATERIALIZED (SELECT * FROM (SELECT *, max(day) FILTER (WHERE cause IS NOT NULL) OVER (PARTITION BY user_id) AS since FROM answers) AS l WHERE is_last
), changed AS (
    INSERT INTO analytics.care_history (user_id, valid_from, layer, layers, previous_layer, previous_layers, cause, version)
    SELECT user_id, day, layer, layers, was_layer, was_layers, cause, 1
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
             count(*) FILTER (WHERE cause IS NOT NULL AND layers IS NOT NULL)
             - count(*) FILTER (WHERE cause IS NOT NULL AND was_layers IS NOT NULL) FROM answers) AS s,
     (SELECT coalesce(jsonb_object_agg(cause, users), '{}') AS changes
      FROM (SELECT cause, count(*) AS users FROM changed GROUP BY cause) AS c) AS c
