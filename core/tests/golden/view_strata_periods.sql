CREATE OR REPLACE VIEW analytics.strata_periods AS
SELECT 'journey'::text AS model, format('%s', h.user_id) AS user_id, h.layer, coalesce(l.label_en, h.layer) AS label_en, coalesce(l.label_zh, h.layer) AS label_zh,
       h.valid_from, h.valid_to, h.cause, h.version, h.change_id
FROM (
    SELECT user_id, layer, valid_from, lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from) AS valid_to,
           cause, version, change_id
    FROM (
        SELECT *, lag(layer) OVER (PARTITION BY user_id ORDER BY valid_from) AS layer_before
        FROM (
            SELECT user_id, layer, valid_from, cause, version, change_id,
                   lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, change_id) AS next_from
            FROM analytics.journey_history
        ) AS s
        WHERE next_from IS DISTINCT FROM valid_from
    ) AS p
    WHERE layer IS DISTINCT FROM layer_before
) AS h LEFT JOIN analytics.strata_layers AS l ON l.model = 'journey' AND l.version = h.version AND l.layer = h.layer
WHERE h.layer IS NOT NULL AND has_table_privilege('analytics.journey_history'::regclass, 'SELECT')
UNION ALL
SELECT 'tags'::text AS model, h.user_id AS user_id, h.layer, coalesce(l.label_en, h.layer) AS label_en, coalesce(l.label_zh, h.layer) AS label_zh,
       h.valid_from, h.valid_to, h.cause, h.version, h.change_id
FROM (
    SELECT user_id, layer, min(valid_from) AS valid_from, nullif(max(coalesce(valid_to, 'infinity')), 'infinity') AS valid_to,
           (array_agg(cause ORDER BY valid_from))[1] AS cause, (array_agg(version ORDER BY valid_from))[1] AS version,
           min(change_id) AS change_id
    FROM (
        SELECT *, count(*) FILTER (WHERE is_start) OVER (PARTITION BY user_id, layer ORDER BY valid_from) AS period
        FROM (
            SELECT s.*, tag.layer, lag(valid_to) OVER (PARTITION BY user_id, tag.layer ORDER BY valid_from)
                       IS DISTINCT FROM valid_from AS is_start
            FROM (
                SELECT user_id, layers, valid_from, cause, version, change_id,
                       lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, change_id) AS valid_to
                FROM analytics.tags_history
            ) AS s CROSS JOIN LATERAL unnest(layers) AS tag (layer)
            WHERE valid_to IS DISTINCT FROM valid_from
        ) AS t
    ) AS p
    GROUP BY user_id, layer, period
) AS h LEFT JOIN analytics.strata_layers AS l ON l.model = 'tags' AND l.version = h.version AND l.layer = h.layer
WHERE h.layer IS NOT NULL AND has_table_privilege('analytics.tags_history'::regclass, 'SELECT')
