CREATE OR REPLACE VIEW analytics.strata_sizes AS
SELECT 'journey'::text AS model, s.day, s.layer, s.layer_order, s.label_en, s.label_zh, s.users, s.share
FROM (
    WITH known AS (
        SELECT refreshed_version, as_of,
               CASE WHEN isfinite(first_day) AND as_of - first_day <= 3652 THEN first_day ELSE as_of - 3652 END AS from_day
        FROM analytics.strata_models WHERE name = 'journey' AND isfinite(as_of)
    ), steps AS (
        SELECT greatest(h.valid_from, k.from_day) AS day, h.layer AS now_in, h.previous_layer AS was_in, count(*) AS users
        FROM known AS k CROSS JOIN analytics.journey_history AS h GROUP BY 1, 2, 3
    ), changes AS (
        SELECT day, layer, sum(change) AS change
        FROM (SELECT day, unnest(ARRAY[now_in]) AS layer, users AS change FROM steps
              UNION ALL SELECT day, unnest(ARRAY[was_in]), -users FROM steps) AS c
        WHERE layer IS NOT NULL GROUP BY day, layer
    ), layers AS (
        -- those of other versions, which users were in, come last
        SELECT DISTINCT ON (x.layer) x.layer, CASE WHEN x.version = k.refreshed_version THEN x.layer_order END AS layer_order,
               x.label_en, x.label_zh
        FROM known AS k CROSS JOIN analytics.strata_layers AS x
        WHERE x.model = 'journey' AND (x.version = k.refreshed_version OR x.layer IN (SELECT layer FROM changes))
        ORDER BY x.layer, x.version = k.refreshed_version DESC, x.version DESC
    )
    SELECT *, round(users / nullif(sum(users) OVER (PARTITION BY day), 0), 4) AS share
    FROM (
        SELECT d.day, l.layer, l.layer_order, l.label_en, l.label_zh,
               coalesce(sum(c.change) OVER (PARTITION BY l.layer ORDER BY d.day), 0)::bigint AS users
        FROM known AS k
             CROSS JOIN LATERAL (SELECT k.from_day + n AS day FROM generate_series(0, k.as_of - k.from_day) AS n) AS d
             CROSS JOIN layers AS l
             LEFT JOIN changes AS c ON c.day = d.day AND c.layer = l.layer
    ) AS u
) AS s
WHERE has_table_privilege('analytics.journey_history'::regclass, 'SELECT')
UNION ALL
SELECT 'tags'::text AS model, s.day, s.layer, s.layer_order, s.label_en, s.label_zh, s.users, s.share
FROM (
    WITH known AS (
        SELECT refreshed_version, as_of,
               CASE WHEN isfinite(first_day) AND as_of - first_day <= 3652 THEN first_day ELSE as_of - 3652 END AS from_day
        FROM analytics.strata_models WHERE name = 'tags' AND isfinite(as_of)
    ), steps AS (
        SELECT greatest(h.valid_from, k.from_day) AS day, h.layers AS now_in, h.previous_layers AS was_in, count(*) AS users
        FROM known AS k CROSS JOIN analytics.tags_history AS h GROUP BY 1, 2, 3
    ), changes AS (
        SELECT day, layer, sum(change) AS change
        FROM (SELECT day, unnest(now_in) AS layer, users AS change FROM steps
              UNION ALL SELECT day, unnest(was_in), -users FROM steps) AS c
        WHERE layer IS NOT NULL GROUP BY day, layer
    ), layers AS (
        -- those of other versions, which users were in, come last
        SELECT DISTINCT ON (x.layer) x.layer, CASE WHEN x.version = k.refreshed_version THEN x.layer_order END AS layer_order,
               x.label_en, x.label_zh
        FROM known AS k CROSS JOIN analytics.strata_layers AS x
        WHERE x.model = 'tags' AND (x.version = k.refreshed_version OR x.layer IN (SELECT layer FROM changes))
        ORDER BY x.layer, x.version = k.refreshed_version DESC, x.version DESC
    )
    SELECT *, NULL::numeric AS share
    FROM (
        SELECT d.day, l.layer, l.layer_order, l.label_en, l.label_zh,
               coalesce(sum(c.change) OVER (PARTITION BY l.layer ORDER BY d.day), 0)::bigint AS users
        FROM known AS k
             CROSS JOIN LATERAL (SELECT k.from_day + n AS day FROM generate_series(0, k.as_of - k.from_day) AS n) AS d
             CROSS JOIN layers AS l
             LEFT JOIN changes AS c ON c.day = d.day AND c.layer = l.layer
    ) AS u
) AS s
WHERE has_table_privilege('analytics.tags_history'::regclass, 'SELECT')
