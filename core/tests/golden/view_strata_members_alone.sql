CREATE OR REPLACE VIEW analytics.strata_members AS
SELECT 'journey'::text AS model, m.user_id AS user_id, m.layer, l.layer_order, l.rank, coalesce(l.label_en, m.layer) AS label_en,
       coalesce(l.label_zh, m.layer) AS label_zh, m.since, m.next_change, r.as_of
FROM analytics.journey_members AS m
     JOIN analytics.strata_models AS r ON r.name = 'journey'
     LEFT JOIN analytics.strata_layers AS l ON l.model = 'journey' AND l.version = r.refreshed_version AND l.layer = m.layer
WHERE m.layer IS NOT NULL AND has_table_privilege('analytics.journey_members'::regclass, 'SELECT')
