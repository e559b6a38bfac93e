-- Refreshing a model: only those whom something happened to, or whose clock has struck, are looked at.

-- Brings the sources of a model up to date, always in the same order, so that two refreshes never wait for each other in a circle.
CREATE FUNCTION _sync_parts(model models) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted bigint;
    s strata.sources;
BEGIN
    FOR wanted IN SELECT DISTINCT p.source_id FROM strata.model_sources AS p WHERE p.model_id = model.model_id ORDER BY p.source_id LOOP
        SELECT * INTO s FROM strata.sources AS x WHERE x.source_id = wanted FOR UPDATE;
        PERFORM strata._sync(s);
    END LOOP;
END
$$;

-- Whether something is in a ledger on a day, over the ledgers of _features.
CREATE FUNCTION _happened(model models, day text) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(format('strata.first_difference(NULL, strata.clip(ledger_%s, %s, %2$s)) IS NOT NULL', number, day), ' OR '), 'false')
    FROM generate_series(1, (SELECT count(*) FROM strata._parts(model) WHERE part = 'ledger')) AS number
$$;

-- Fills strata_examined with the users to look at, in the order in which they stand in the tables: user_id, the first day of what changed, and what changed.
CREATE FUNCTION _examine(model models, day date, everyone boolean) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
    found_users text[] := ARRAY[format('SELECT user_id, NULL::date AS first_day, NULL AS cause FROM %s WHERE next_change <= %L', strata._table(model, 'members'), day)];
    unknown boolean;
    users bigint;
BEGIN
    FOR p IN SELECT * FROM strata._parts(model) LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE sync_id > %s AND user_id IS NULL)', strata._table(p.source, 'changes'), coalesce(p.consumed, 0)) INTO unknown;
        IF p.consumed IS NULL OR unknown OR p.part <> 'ledger' AND (p.source).capture = 'none' THEN
            everyone := true;
        END IF;
        found_users := found_users || format('SELECT user_id, first_day, cause FROM %s WHERE sync_id > %s AND user_id IS NOT NULL', strata._table(p.source, 'changes'), coalesce(p.consumed, 0));
    END LOOP;
    IF everyone THEN
        found_users := found_users || format('SELECT user_id, NULL, ''attribute'' FROM %s', strata._table(model, 'members'))
            || format('SELECT user_id, NULL, ''attribute'' FROM (%s) AS u', strata._all_users(model));
    END IF;
    EXECUTE format($q$
        INSERT INTO pg_temp.strata_examined
        SELECT user_id, min(first_day), coalesce(bool_or(cause = 'event'), false), coalesce(bool_or(cause = 'merge'), false), coalesce(bool_or(cause = 'attribute'), false)
        FROM (%s) AS u GROUP BY user_id ORDER BY user_id
        $q$, array_to_string(found_users, ' UNION ALL '));
    GET DIAGNOSTICS users = ROW_COUNT;
    RETURN users;
END
$$;

-- Fills strata_answers with what a version says of the users in strata_examined on the days from .. to: a row for each day on which the answer is
-- another, the last of which is how it stands.
CREATE FUNCTION _answer(model models, definition model, from_day date, to_day date, cause text, few boolean) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    overlapping boolean := strata._is_overlapping(definition);
    users text := format($q$
        SELECT x.*, m.ctid AS place, m.layer AS before_layer, m.layers AS before_layers
        FROM pg_temp.strata_examined AS x LEFT JOIN %s ON %s$q$,
        CASE WHEN few THEN format('LATERAL (SELECT m.ctid, layer, layers FROM %s AS m WHERE m.user_id = x.user_id OFFSET 0) AS m', strata._table(model, 'members'))
             ELSE strata._table(model, 'members') || ' AS m' END, CASE WHEN few THEN 'true' ELSE 'm.user_id = x.user_id' END);
    features text := strata._features(model, definition, users, few => few);
    -- why a user moved, on a day on which he did
    reason text := CASE WHEN cause <> 'backfill' THEN quote_literal(cause) ELSE format($q$
        CASE WHEN %s AND day = start_day THEN 'backfill'
             WHEN NOT first_look AND %s THEN 'event'
             WHEN day > start_day THEN 'clock'
             WHEN has_event AND first_day <= day THEN 'event'
             WHEN has_merge AND first_day <= day THEN 'merge'
             WHEN has_attribute THEN 'attribute'
             ELSE 'clock' END$q$, coalesce(cause = 'backfill', false)::text, strata._happened(model, 'day')) END;
BEGIN
    EXECUTE format('CREATE TEMPORARY TABLE strata_answers (user_id %s, day date, layer text, layers text[], scores smallint[], next_change date,
                    was_layer text, was_layers text[], cause text, is_last boolean, place tid, present_from date) ON COMMIT DROP', model.key_type);
    IF from_day = to_day THEN
        EXECUTE format($q$
            INSERT INTO pg_temp.strata_answers
            SELECT user_id, day, (e).layer, (e).layers, (e).scores, CASE WHEN present_from > $2 THEN present_from ELSE (e).next_change END,
                   was_layer, was_layers, CASE WHEN %1$s THEN %2$s END, true, place, present_from
            FROM (SELECT u.*, before_layer AS was_layer, before_layers AS was_layers, $2 AS day, $2 AS start_day, %3$s AS first_look, CASE WHEN present_from <= $2 THEN strata.evaluate(f, $1, $2) END AS e
                  FROM (%4$s) AS u OFFSET 0) AS answered
            $q$, CASE WHEN overlapping THEN '(e).layers IS DISTINCT FROM was_layers' ELSE '(e).layer IS DISTINCT FROM was_layer' END,
            reason, coalesce(model.as_of = to_day, false)::text, features) USING definition, to_day;
    ELSE
        -- who comes later is in no layer until then
        EXECUTE format($q$
            INSERT INTO pg_temp.strata_answers
            SELECT user_id, day, layer, layers, scores, next_change, was_layer, was_layers, CASE WHEN %1$s THEN %2$s END, is_last, place, present_from
            FROM (
                SELECT *, lag(layer, 1, before_layer) OVER steps AS was_layer, lag(layers, 1, before_layers) OVER steps AS was_layers, lead(day) OVER steps IS NULL AS is_last
                FROM (
                    SELECT u.*, $2 AS start_day, false AS first_look, s.day, s.layer, s.layers, s.scores, s.next_change
                    FROM (%3$s) AS u CROSS JOIN LATERAL (
                        SELECT w.day, w.layer, w.layers, w.scores, w.next_change
                        FROM unnest(CASE WHEN u.present_from <= $3 THEN strata.walk(u.f, $1, greatest(u.present_from, $2), $3) END) AS w
                        UNION ALL
                        SELECT $2, NULL, NULL, NULL, u.present_from WHERE u.present_from IS NULL OR u.present_from > $2
                    ) AS s OFFSET 0
                ) AS stepped WINDOW steps AS (PARTITION BY user_id ORDER BY day)
            ) AS answered
            $q$, CASE WHEN overlapping THEN 'layers IS DISTINCT FROM was_layers' ELSE 'layer IS DISTINCT FROM was_layer' END, reason, features)
        USING definition, from_day, to_day;
    END IF;
END
$$;

-- One row of attributes is one user.
CREATE FUNCTION _check_answers(model models) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice text;
BEGIN
    IF NOT EXISTS (SELECT FROM strata._parts(model) WHERE part = 'attributes') THEN
        RETURN;
    END IF;
    SELECT user_id INTO twice FROM pg_temp.strata_answers GROUP BY user_id, day HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the attributes of model "%" have more than one row for a user', model.name USING ERRCODE = 'cardinality_violation', DETAIL = format('User %s.', twice);
    END IF;
END
$$;

-- Writes the answers down: the changes into the history, how it stands into the members, which nobody else writes while the model is locked: they are
-- still in their places. Returns the changes by cause, and how many users
-- more there are.
CREATE FUNCTION _write_answers(model models, definition model, version integer, OUT changes jsonb, OUT more bigint) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    overlapping boolean := strata._is_overlapping(definition);
    members text := strata._table(model, 'members');
BEGIN
    PERFORM strata._check_answers(model);
    EXECUTE format($q$
        WITH changed AS (
            INSERT INTO %s (user_id, valid_from, layer, layers, previous_layer, previous_layers, cause, version)
            SELECT user_id, day, layer, %s, was_layer, %s, cause, $1 FROM pg_temp.strata_answers WHERE cause IS NOT NULL ORDER BY day, user_id
            RETURNING cause
        )
        SELECT jsonb_object_agg(cause, users), (
            SELECT count(*) FILTER (WHERE %4$s IS NOT NULL) - count(*) FILTER (WHERE was_%4$s IS NOT NULL) FROM pg_temp.strata_answers WHERE cause IS NOT NULL)
        FROM (SELECT cause, count(*) AS users FROM changed GROUP BY cause) AS c
        $q$, strata._table(model, 'history'), CASE WHEN overlapping THEN 'layers' ELSE 'NULL' END, CASE WHEN overlapping THEN 'was_layers' ELSE 'NULL' END,
        CASE WHEN overlapping THEN 'layers' ELSE 'layer' END)
    INTO changes, more USING version;
    EXECUTE format('DELETE FROM %s AS m USING pg_temp.strata_answers AS a WHERE m.ctid = a.place AND a.is_last AND a.present_from IS NULL', members);
    EXECUTE format($q$
        UPDATE %s AS m SET layer = a.layer, layers = a.layers, scores = a.scores, since = coalesce(a.since, m.since), next_change = a.next_change
        FROM %s AS a
        WHERE m.ctid = a.place AND a.is_last AND a.present_from IS NOT NULL
          AND (a.since IS NOT NULL OR m.next_change IS DISTINCT FROM a.next_change OR m.scores IS DISTINCT FROM a.scores OR m.layers IS DISTINCT FROM a.layers)
        $q$, members, strata._last_answers());
    EXECUTE format($q$
        INSERT INTO %s (user_id, layer, layers, scores, since, next_change)
        SELECT user_id, layer, layers, scores, coalesce(since, day), next_change FROM %s AS a WHERE is_last AND place IS NULL AND present_from IS NOT NULL
        $q$, members, strata._last_answers());
    changes := coalesce(changes, '{}');
END
$$;

-- The answers with the last day on which a user moved.
CREATE FUNCTION _last_answers() RETURNS text STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_temp.strata_answers WHERE NOT is_last) THEN
        RETURN '(SELECT *, max(day) FILTER (WHERE cause IS NOT NULL) OVER (PARTITION BY user_id) AS since FROM pg_temp.strata_answers)';
    END IF;
    RETURN '(SELECT *, CASE WHEN cause IS NOT NULL THEN day END AS since FROM pg_temp.strata_answers)';
END
$$;

-- Everyone at once, into tables that are empty: indexes come afterwards, and new files are not logged where the server logs as little as it can.
CREATE FUNCTION _fill(model models, definition model, version integer, day date, OUT changes jsonb, OUT users bigint, OUT examined bigint) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    members text := strata._table(model, 'members');
    history text := strata._table(model, 'history');
    overlapping boolean := strata._is_overlapping(definition);
BEGIN
    EXECUTE format('TRUNCATE %s, %s', members, history);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', members, model.name || '_members_pkey');
    EXECUTE format('DROP INDEX %I.%I', model.schema_name, model.name || '_members_due');
    EXECUTE format($q$
        INSERT INTO %s (user_id, layer, layers, scores, since, next_change)
        SELECT user_id, (e).layer, (e).layers, (e).scores, $2, CASE WHEN present_from > $2 THEN present_from ELSE (e).next_change END
        FROM (SELECT user_id, present_from, CASE WHEN present_from <= $2 THEN strata.evaluate(f, $1, $2) END AS e FROM (%s) AS u OFFSET 0) AS answered
        $q$, members, strata._features(model, definition, strata._all_users(model))) USING definition, day;
    GET DIAGNOSTICS examined = ROW_COUNT;
    BEGIN
        PERFORM strata._index_members(model);
    EXCEPTION WHEN unique_violation THEN
        RAISE EXCEPTION 'the attributes of model "%" have more than one row for a user', model.name USING ERRCODE = 'cardinality_violation', DETAIL = SQLERRM;
    END;
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', history, model.name || '_history_pkey');
    EXECUTE format('DROP INDEX %I.%I', model.schema_name, model.name || '_history_polled');
    EXECUTE format($q$
        INSERT INTO %s (user_id, valid_from, layer, layers, cause, version)
        SELECT user_id, $1, layer, %s, 'backfill', $2 FROM %s WHERE %s
        $q$, history, CASE WHEN overlapping THEN 'layers' ELSE 'NULL' END, members, CASE WHEN overlapping THEN 'layers IS NOT NULL' ELSE 'layer IS NOT NULL' END)
    USING day, version;
    GET DIAGNOSTICS users = ROW_COUNT;
    PERFORM strata._index_history(model);
    changes := CASE WHEN users > 0 THEN jsonb_build_object('backfill', users) ELSE '{}' END;
END
$$;

CREATE FUNCTION refresh(model text, as_of date DEFAULT NULL, "full" boolean DEFAULT false)
RETURNS TABLE (
    refreshed text, day date, previous_day date, version integer, kind text, users bigint, examined bigint, new_users bigint, changed_users bigint, due_users bigint,
    changes jsonb, seconds jsonb, sources jsonb
) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    m strata.models := strata._own_model(refresh.model);
    definition strata.model;
    started timestamptz := clock_timestamp();
    lap timestamptz := started;
    few boolean;
BEGIN
    day := coalesce(refresh.as_of, strata._today(m));
    IF NOT isfinite(day) THEN
        RAISE EXCEPTION 'as_of cannot be %', day USING ERRCODE = 'datetime_field_overflow';
    ELSIF day < m.as_of THEN
        RAISE EXCEPTION 'model "%" has been refreshed as of %, which is after %', m.name, m.as_of, day USING
            ERRCODE = 'invalid_parameter_value', HINT = format('The past stays as it was written. To see it as a model would have had it: SELECT * FROM strata.replay(%L, %L, %L);', m.name, day, m.as_of);
    ELSIF m.history_from > day AND m.as_of IS NULL THEN
        RAISE EXCEPTION 'the history of model "%" is to begin on %, which is after %', m.name, m.history_from, day USING ERRCODE = 'invalid_parameter_value';
    END IF;
    refreshed := m.name;
    previous_day := m.as_of;
    seconds := '{}';
    changes := '{}';
    users := m.users;
    new_users := 0; changed_users := 0; due_users := 0;

    -- the sources; without cuts yet, the model is calibrated on them
    IF NOT strata._is_calibrated(m, strata._version(m)) THEN
        PERFORM strata.calibrate(m.name, day);
        m := strata._own_model(refresh.model);
        seconds := seconds || jsonb_build_object('calibrate', round(extract(epoch FROM clock_timestamp() - lap), 4));
        lap := clock_timestamp();
    END IF;
    PERFORM strata._sync_parts(m);
    seconds := seconds || jsonb_build_object('sync', round(extract(epoch FROM clock_timestamp() - lap), 4));
    lap := clock_timestamp();

    IF m.as_of IS NULL AND coalesce(m.history_from, day) = day THEN
        kind := 'first';
        definition := strata._version(m);
        SELECT f.changes, f.users, f.examined, f.examined INTO changes, users, examined, new_users FROM strata._fill(m, definition, m.active_version, day) AS f;
    ELSE
        kind := CASE WHEN m.as_of IS NULL THEN 'first' WHEN "full" THEN 'full' ELSE 'incremental' END;
        EXECUTE format('CREATE TEMPORARY TABLE strata_examined (user_id %s, first_day date, has_event boolean, has_merge boolean, has_attribute boolean) ON COMMIT DROP', m.key_type);
        examined := strata._examine(m, day, "full" OR m.as_of IS NULL);
        ANALYZE pg_temp.strata_examined;
        few := examined * 8 < (SELECT c.reltuples FROM pg_class AS c WHERE c.oid = strata._table(m, 'members')::regclass);
        seconds := seconds || jsonb_build_object('find', round(extract(epoch FROM clock_timestamp() - lap), 4));
        lap := clock_timestamp();
        -- what happened is told by the version that told it so far
        definition := strata._version(m, coalesce(m.refreshed_version, m.active_version));
        PERFORM strata._answer(m, definition, least(coalesce(m.as_of + 1, m.history_from, day), day), day, CASE WHEN m.as_of IS NULL THEN 'backfill' END, few);
        SELECT count(*) FILTER (WHERE place IS NULL AND present_from IS NOT NULL) INTO new_users FROM pg_temp.strata_answers WHERE is_last;
        IF m.as_of IS NOT NULL THEN
            SELECT count(*) FILTER (WHERE has_event OR has_merge OR has_attribute), count(*) FILTER (WHERE NOT (has_event OR has_merge OR has_attribute)) INTO changed_users, due_users FROM pg_temp.strata_examined;
        END IF;
        seconds := seconds || jsonb_build_object('evaluate', round(extract(epoch FROM clock_timestamp() - lap), 4));
        lap := clock_timestamp();
        SELECT w.changes, users + w.more INTO changes, users FROM strata._write_answers(m, definition, coalesce(m.refreshed_version, m.active_version)) AS w;
        DROP TABLE pg_temp.strata_answers;
        seconds := seconds || jsonb_build_object('write', round(extract(epoch FROM clock_timestamp() - lap), 4));
        lap := clock_timestamp();
        IF m.refreshed_version <> m.active_version THEN
            kind := 'full';
            TRUNCATE pg_temp.strata_examined;
            EXECUTE format('INSERT INTO pg_temp.strata_examined (user_id) SELECT user_id FROM %s', strata._table(m, 'members'));
            GET DIAGNOSTICS examined = ROW_COUNT;
            ANALYZE pg_temp.strata_examined;
            definition := strata._version(m);
            PERFORM strata._answer(m, definition, day, day, strata._cause_of_version(m), false);
            SELECT refresh.changes || w.changes, users + w.more INTO changes, users FROM strata._write_answers(m, definition, m.active_version) AS w;
            DROP TABLE pg_temp.strata_answers;
            seconds := seconds || jsonb_build_object('version', round(extract(epoch FROM clock_timestamp() - lap), 4));
        END IF;
        DROP TABLE pg_temp.strata_examined;
    END IF;
    IF m.as_of IS NULL OR kind = 'full' THEN
        EXECUTE format('ANALYZE %s', strata._table(m, 'members'));
    END IF;

    version := m.active_version;
    UPDATE strata.models AS x SET as_of = refresh.day, users = refresh.users, refreshed_version = m.active_version, refreshed_at = clock_timestamp() WHERE x.model_id = m.model_id;
    UPDATE strata.model_sources AS p SET consumed = s.sync_id FROM strata.sources AS s WHERE p.model_id = m.model_id AND s.source_id = p.source_id;
    SELECT jsonb_object_agg(s.name, jsonb_build_object('synced_at', s.synced_at, 'latest_day', s.latest_day)) INTO sources
    FROM strata._parts(m) AS p, LATERAL (SELECT (p.source).*) AS s WHERE p.part = 'ledger';
    PERFORM strata._forget_changes(p.source) FROM strata._parts(m) AS p;
    seconds := seconds || jsonb_build_object('all', round(extract(epoch FROM clock_timestamp() - started), 4));
    INSERT INTO strata.refreshes (model_id, as_of, refreshed_at, report)
    VALUES (m.model_id, day, clock_timestamp(), jsonb_build_object('version', version, 'kind', kind, 'users', users, 'examined', examined, 'new_users', new_users,
        'changed_users', changed_users, 'due_users', due_users, 'changes', changes, 'seconds', seconds));
    RETURN NEXT;
END
$$;

-- Why the active version moves users: other cuts, or another definition.
CREATE FUNCTION _cause_of_version(model models) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN strata._version(model)::jsonb - 'calibration' = strata._version(model, model.refreshed_version)::jsonb - 'calibration' THEN 'calibration' ELSE 'definition' END
$$;
