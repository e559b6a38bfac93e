SELECT user_id::text, layer, layers, scores, since, next_change, strata.metrics(f, '{}'::strata.model, '2024-01-20'::date) FROM (SELECT k.*, CASE WHEN false THEN '-infinity'::date ELSE least(strata_internal.first_difference(NULL, l1.ledger)) END AS present_from, l1.ledger AS ledger_1, strata_row AS f
FROM (SELECT * FROM analytics.journey_members WHERE layer IS NOT NULL OR layers IS NOT NULL) AS k
     LEFT JOIN analytics.orders_ledger AS l1 ON l1.user_id = k.user_id
     CROSS JOIN LATERAL (SELECT l1.ledger AS orders) AS strata_row) AS u;

WITH moved AS (
    SELECT first % 3 AS from_place, last % 3 AS to_place, count(*) AS users
    FROM (SELECT min(change_id * 3 + coalesce(array_position(ARRAY['top', 'it''s']::text[], previous_layer), 0)) AS first,
                 max(change_id * 3 + coalesce(array_position(ARRAY['top', 'it''s']::text[], layer), 0)) AS last
          FROM analytics.journey_history WHERE valid_from > '2024-01-10'::date AND valid_from <= '2024-01-20'::date GROUP BY user_id) AS u
    GROUP BY 1, 2
), steps AS (
    SELECT coalesce(array_position(ARRAY['top', 'it''s']::text[], layer), 0) AS place, coalesce(array_position(ARRAY['top', 'it''s']::text[], previous_layer), 0) AS previous_place, users
    FROM (SELECT layer, previous_layer, count(*) AS users FROM analytics.journey_history WHERE valid_from <= '2024-01-10'::date GROUP BY 1, 2) AS s
), pairs AS (
    SELECT from_place, to_place, sum(users)::bigint AS users
    FROM (SELECT from_place, to_place, users FROM moved
          UNION ALL SELECT from_place, from_place, -users FROM moved
          UNION ALL SELECT place, place, users FROM steps
          UNION ALL SELECT previous_place, previous_place, -users FROM steps) AS p
    WHERE from_place > 0 OR to_place > 0 GROUP BY 1, 2 HAVING sum(users) > 0
)
SELECT (ARRAY['top', 'it''s']::text[])[p.from_place], (ARRAY['top', 'it''s']::text[])[p.to_place], p.users, p.users - coalesce(o.users, 0)
FROM pairs AS p LEFT JOIN pairs AS o ON o.from_place = p.to_place AND o.to_place = p.from_place
ORDER BY nullif(p.from_place, 0), nullif(p.to_place, 0);

SELECT present_from, CASE WHEN present_from <= '2024-01-20'::date THEN strata.explain(f, '{}'::strata.model, '2024-01-20'::date) END FROM (SELECT k.*, CASE WHEN false THEN '-infinity'::date ELSE least(strata_internal.first_difference(NULL, l1.ledger)) END AS present_from, l1.ledger AS ledger_1, strata_row AS f
FROM (SELECT '7'::bigint AS user_id) AS k
     LEFT JOIN LATERAL (SELECT ledger FROM analytics.orders_ledger AS l WHERE l.user_id = k.user_id OFFSET 0) AS l1 ON true
     CROSS JOIN LATERAL (SELECT l1.ledger AS orders) AS strata_row) AS u;

SELECT user_id::text, valid_from, NULL::text, cause, change_id FROM analytics.journey_history
WHERE change_id > 12 AND 'it''s' = ANY (layers) AND ('it''s' = ANY (previous_layers)) IS NOT TRUE ORDER BY change_id;

WITH asked AS MATERIALIZED (
    SELECT ARRAY[(b).layer] AS before_in, ARRAY[(a).layer] AS after_in, orders, spend
    FROM (SELECT strata.evaluate(f, '{}'::strata.model, '2024-01-20'::date) AS b, strata.evaluate(f, '{}'::strata.model, '2024-01-20'::date + 30) AS a,
                 coalesce(strata.frequency(ledger_1, '2024-01-20'::date + 30, 30), 0) AS orders, coalesce(strata.monetary(ledger_1, '2024-01-20'::date + 30, 30), 0) AS spend
          FROM (SELECT k.*, CASE WHEN false THEN '-infinity'::date ELSE least(strata_internal.first_difference(NULL, k.only_ledger)) END AS present_from, k.only_ledger AS ledger_1, strata_row AS f
FROM (SELECT user_id, ledger AS only_ledger FROM analytics.orders_ledger) AS k
     CROSS JOIN LATERAL (SELECT k.only_ledger AS orders) AS strata_row) AS u WHERE present_from <= '2024-01-20'::date OFFSET 0) AS e
), counted AS (
    SELECT layer, count(*) AS users, count(*) FILTER (WHERE orders > 0) AS active, sum(orders)::bigint AS orders,
           sum(spend) AS spend, count(*) FILTER (WHERE layer = ANY (after_in)) AS kept
    FROM asked, unnest(before_in) AS layer GROUP BY layer
)
SELECT l.layer, coalesce(users, 0), coalesce(active, 0), round(active::numeric / users, 4), coalesce(orders, 0),
       coalesce(spend, 0), round(spend / users, 2), coalesce(kept, 0), coalesce(users - kept, 0), round(kept::numeric / users, 4)
FROM (VALUES ('top', 1)) AS l (layer, layer_order) LEFT JOIN counted USING (layer) ORDER BY l.layer_order
