SELECT s.name, 'analytics'::text, 'shop.orders'::text, s.capture, s.because, NULL::text, s.synced_at, clock_timestamp() - s.synced_at, CASE WHEN q.rows = 0 THEN interval '0' ELSE coalesce((SELECT clock_timestamp() - min(pg_xact_commit_timestamp(x)) FROM (SELECT xmin AS x FROM analytics.orders_queue GROUP BY xmin) AS t), clock_timestamp() - s.synced_at) END, q.rows, s.seconds, s.latest_day,
       t.users, t.events, s.guests, round(s.guests::numeric / nullif(s.guests + t.events, 0), 4),
       r.rejected, r.aside, 0::bigint, t.heavy_users,
       ARRAY(SELECT DISTINCT p.model FROM analytics.strata_model_sources AS p WHERE p.source = s.name ORDER BY p.model)
FROM analytics.strata_sources AS s
     CROSS JOIN (SELECT count(*) AS rows FROM analytics.orders_queue) AS q
     CROSS JOIN (
         WITH counted AS (SELECT user_id, strata.frequency(ledger, DATE '5874897-12-31') AS events FROM analytics.orders_ledger),
              total AS (SELECT count(*) AS users, coalesce(sum(events), 0)::bigint AS events FROM counted)
         SELECT t.users, t.events, (SELECT jsonb_object_agg(c.user_id, round(c.events::numeric / t.events, 4))
                                    FROM counted AS c WHERE c.events > 0.01 * t.events) AS heavy_users
         FROM total AS t
     ) AS t
     CROSS JOIN (
         SELECT coalesce(sum(change), 0)::bigint AS rejected, count(*) FILTER (WHERE change = 0) AS aside FROM analytics.orders_rejects
     ) AS r
WHERE s.name = 'orders';

SELECT s.name, 'analytics'::text, 'shop.orders'::text, s.capture, s.because, 'its queue is gone'::text, s.synced_at, clock_timestamp() - s.synced_at, clock_timestamp() - s.synced_at, q.rows, s.seconds, s.latest_day,
       t.users, t.events, s.guests, round(s.guests::numeric / nullif(s.guests + t.events, 0), 4),
       r.rejected, r.aside, 0::bigint, t.heavy_users,
       ARRAY(SELECT DISTINCT p.model FROM analytics.strata_model_sources AS p WHERE p.source = s.name ORDER BY p.model)
FROM analytics.strata_sources AS s
     CROSS JOIN (SELECT count(*) AS rows FROM analytics.orders_queue) AS q
     CROSS JOIN (
         WITH counted AS (SELECT user_id, strata.frequency(ledger, DATE '5874897-12-31') AS events FROM analytics.orders_ledger),
              total AS (SELECT count(*) AS users, coalesce(sum(events), 0)::bigint AS events FROM counted)
         SELECT t.users, t.events, (SELECT jsonb_object_agg(c.user_id, round(c.events::numeric / t.events, 4))
                                    FROM counted AS c WHERE c.events > 0.01 * t.events) AS heavy_users
         FROM total AS t
     ) AS t
     CROSS JOIN (
         SELECT coalesce(sum(change), 0)::bigint AS rejected, count(*) FILTER (WHERE change = 0) AS aside FROM analytics.orders_rejects
     ) AS r
WHERE s.name = 'orders';

SELECT s.name, 'analytics'::text, s.active_version, s.refreshed_version, s.as_of, s.refreshed_at, '2024-01-21'::date - s.as_of,
       clock_timestamp() - s.refreshed_at, s.users, (SELECT count(*) FROM analytics.journey_members WHERE next_change <= '2024-01-21'::date), (SELECT count(*) FROM analytics.journey_members WHERE next_change = '2024-01-21'::date + 1), 0::bigint + (SELECT count(*) FROM analytics.orders_changes WHERE sync_id > 2) + (SELECT count(*) FROM analytics.orders_queue), s.seconds, s.schedule,
       coalesce(NULL::text, CASE
           WHEN last.report ? 'put_aside' THEN format('%s users cannot be evaluated and stay where they are: %s',
               jsonb_array_length(last.report #> '{put_aside,users}'), last.report #>> '{put_aside,why}')
           WHEN last.report ? 'doubled_users' THEN format('%s users have several rows of attributes; of each the first holds',
               last.report ->> 'doubled_users')
       END),
       last.report
FROM analytics.strata_models AS s
     LEFT JOIN LATERAL (SELECT r.report FROM analytics.strata_refreshes AS r WHERE r.model = s.name ORDER BY r.refreshed_at DESC LIMIT 1) AS last ON true
WHERE s.name = 'journey';

SELECT 'orders'::text, 'analytics'::text, NULL::text, NULL::text, NULL::text, 'it''s gone'::text, NULL::timestamptz, NULL::interval, NULL::interval, NULL::bigint,
       NULL::double precision, NULL::date, NULL::bigint, NULL::bigint, NULL::bigint, NULL::numeric, NULL::bigint, NULL::bigint,
       NULL::bigint, NULL::jsonb, NULL::text[];

SELECT 'journey'::text, 'analytics'::text, NULL::integer, NULL::integer, NULL::date, NULL::timestamptz, NULL::integer, NULL::interval, NULL::bigint,
       NULL::bigint, NULL::bigint, NULL::bigint, NULL::double precision, NULL::text, 'it''s gone'::text, NULL::jsonb
