CREATE OR REPLACE VIEW analytics.strata_moves AS
SELECT 'journey'::text AS model, h.change_id, format('%s', h.user_id) AS user_id, h.valid_from AS day, h.previous_layer AS previous_layer, h.layer AS layer,
       coalesce(t.label_en, h.layer) AS label_en, coalesce(t.label_zh, h.layer) AS label_zh, h.cause, h.version,
       abs(t.rank - f.rank) > 1 AS jump, h.recorded_at
FROM analytics.journey_history AS h
     LEFT JOIN analytics.strata_layers AS f ON f.model = 'journey' AND f.version = h.version AND f.layer = h.previous_layer
     LEFT JOIN analytics.strata_layers AS t ON t.model = 'journey' AND t.version = h.version AND t.layer = h.layer
WHERE has_table_privilege('analytics.journey_history'::regclass, 'SELECT')
UNION ALL
SELECT 'tags'::text AS model, h.change_id, h.user_id AS user_id, h.valid_from AS day, step.previous_layer AS previous_layer, step.layer AS layer,
       coalesce(t.label_en, step.layer) AS label_en, coalesce(t.label_zh, step.layer) AS label_zh, h.cause, h.version,
       abs(t.rank - f.rank) > 1 AS jump, h.recorded_at
FROM analytics.tags_history AS h
     CROSS JOIN LATERAL (
         SELECT NULL::text AS previous_layer, e.layer FROM unnest(h.layers) AS e (layer)
         WHERE (e.layer = ANY (h.previous_layers)) IS NOT TRUE
         UNION ALL
         SELECT p.layer, NULL FROM unnest(h.previous_layers) AS p (layer) WHERE (p.layer = ANY (h.layers)) IS NOT TRUE
     ) AS step
     LEFT JOIN analytics.strata_layers AS f ON f.model = 'tags' AND f.version = h.version AND f.layer = step.previous_layer
     LEFT JOIN analytics.strata_layers AS t ON t.model = 'tags' AND t.version = h.version AND t.layer = step.layer
WHERE has_table_privilege('analytics.tags_history'::regclass, 'SELECT')
