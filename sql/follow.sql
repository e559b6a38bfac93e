-- How the ledgers of a source follow its relation: what is counted, folded, put aside, moved from user to user.

-- What the rows of a relation say, as a query of (user_id, at [, amount] [, more]). Expressions name columns alone.
CREATE FUNCTION _events_of(source sources, rows text, more text DEFAULT '') RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s AS user_id, %s AS at%s%s FROM %s WHERE %s',
        source.user_expression, source.time_expression, ', ' || source.amount_expression || ' AS amount', more, rows,
        coalesce('(' || source.where_clause || ')', 'true'))
$$;

-- The call of ledger_agg over those columns.
CREATE FUNCTION _ledger_agg_of(source sources) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('strata.ledger_agg(at%s%s)', CASE WHEN source.amount_expression IS NOT NULL THEN ', amount' END, ', ' || quote_literal(source.time_zone))
$$;

-- All users of such a query as (user_id, ledger): by the bulk builder, where it knows the type of the key.
CREATE FUNCTION _count_events(source sources, events text, key_type text) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN key_type IN ('integer', 'bigint', 'uuid') THEN
            format('SELECT user_id, ledger FROM strata.ledgers(%L, user_type => NULL::%s, time_zone => %L)', events, key_type, source.time_zone)
        WHEN key_type = 'text' THEN
            format('SELECT user_id, ledger FROM strata.ledgers(%L, time_zone => %L)', events, source.time_zone)
        ELSE format('SELECT user_id, %s AS ledger FROM (%s) AS events WHERE user_id IS NOT NULL GROUP BY user_id HAVING count(at) > 0', strata._ledger_agg_of(source), events)
    END
$$;

-- The table of ledgers by what rows call a user: an alias where there is a map of users.
CREATE FUNCTION _base_table(source sources) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT strata._table(source, CASE WHEN source.map_id IS NULL THEN 'ledger' ELSE 'aliases' END) $$;

-- The type of what rows call a user.
CREATE FUNCTION _base_type(source sources) RETURNS text STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_type text;
BEGIN
    SELECT format_type(atttypid, -1) INTO found_type FROM pg_attribute WHERE attrelid = to_regclass(strata._base_table(source)) AND attname = 'user_id';
    RETURN found_type;
END
$$;

-- Takes new ledgers into a table and notes whose have changed. `counted` is a query of (user_id, place, before, after, cause), a missing
-- ledger NULL, place where the old one stands; it stands on `clauses`, which also have guests (guests) and marks (mark). It is one statement, so that what it deletes
-- from a queue and what it reads are of one snapshot.
CREATE FUNCTION _take_ledgers(source sources, ledger_table text, log_table text, clauses text, counted text) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    latest date;
    new_guests bigint;
BEGIN
    EXECUTE format($q$
        WITH %1$s, counted AS MATERIALIZED (%2$s),
        differing AS MATERIALIZED (
            SELECT user_id, place, before, after, cause, first_day, strata.first_difference(NULL, after) IS NULL AS is_empty
            FROM (SELECT *, strata.first_difference(before, after) AS first_day FROM counted OFFSET 0) AS c
            WHERE first_day IS NOT NULL
        ), updated AS (
            UPDATE %3$s AS l SET ledger = coalesce(d.after, '{}') FROM differing AS d
            WHERE l.ctid = d.place AND (NOT d.is_empty OR %6$s)
        ), inserted AS (
            INSERT INTO %3$s (user_id, ledger) SELECT user_id, after FROM differing WHERE place IS NULL AND NOT is_empty
        ), deleted AS (
            DELETE FROM %3$s AS l USING differing AS d WHERE l.ctid = d.place AND d.is_empty AND NOT %6$s
        ), logged AS (
            INSERT INTO %4$s (sync_id, user_id, first_day, cause) SELECT %5$s, user_id, first_day, cause FROM differing WHERE %7$s
        )
        SELECT count(*), max(strata.last_day(after, DATE '5874897-12-31')), (SELECT guests FROM guests), (SELECT mark FROM marks) FROM differing
        $q$, clauses, counted, ledger_table, log_table, source.sync_id,
        -- an alias without events is still somebody's
        (ledger_table = strata._table(source, 'aliases'))::text,
        -- nobody asks for changes that no model has to know
        (source.map_id IS NOT NULL OR EXISTS (SELECT FROM strata.model_sources AS m WHERE m.source_id = source.source_id AND m.consumed IS NOT NULL))::text)
    INTO source.changed, latest, new_guests, source.mark;
    source.latest_day := greatest(source.latest_day, latest);
    source.guests := source.guests + coalesce(new_guests, 0);
    RETURN source;
END
$$;

-- Where the base table's changes are noted: aliases wait for the map.
CREATE FUNCTION _log_table(source sources) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT strata._table(source, CASE WHEN source.map_id IS NULL THEN 'changes' ELSE 'alias_changes' END) $$;

-- Rows that cannot be counted.

-- Makes a function in the session's own schema that says why a row cannot be counted; NULL where it can.
CREATE FUNCTION _make_problem(source sources) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parameters text := (
        SELECT string_agg(format('%I %s', attname, format_type(atttypid, -1)), ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = strata._present_relation(source) AND attname = ANY (source.columns));
    listed text := (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = strata._present_relation(source) AND attname = ANY (source.columns));
    name text := format('strata_problem_%s', source.source_id);
BEGIN
    -- quoted as a whole: there may be any quotes in the names of columns
    EXECUTE format('CREATE OR REPLACE FUNCTION pg_temp.%I(%s) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS %L', name, parameters, format($body$
        #variable_conflict use_column
        BEGIN
            PERFORM %s, min(user_id::text) FROM (%s) AS events;
            RETURN NULL;
        EXCEPTION WHEN OTHERS THEN
            RETURN SQLERRM;
        END
        $body$, strata._ledger_agg_of(source), strata._events_of(source, '(SELECT) AS one')));
    RETURN format('pg_temp.%I(%s)', name, listed);
END
$$;

-- The users whose amounts of a day are beyond what a ledger keeps: with 6 decimals, some 9 million million.
CREATE FUNCTION _users_beyond(source sources, rows text) RETURNS text[] LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    candidates text[];
    candidate text;
    beyond text[] := '{}';
    events text := strata._events_of(source, rows);
    is_queue boolean := rows = strata._table(source, 'queue');
BEGIN
    EXECUTE format($q$
        SELECT array_agg(e.user_id::text)
        FROM (SELECT user_id, count(*) AS events, %s AS amount FROM (%s) AS e WHERE user_id IS NOT NULL GROUP BY user_id) AS e LEFT JOIN %s AS l ON l.user_id = e.user_id
        WHERE e.amount + %s > 4e12 OR e.events > 2e9
        $q$, CASE WHEN source.amount_expression IS NULL THEN '0' ELSE 'sum(abs(amount::numeric))' END, events, strata._base_table(source),
        CASE WHEN is_queue THEN 'strata.gross_amount(l.ledger, DATE ''5874897-12-31'') + strata.credit_amount(l.ledger, DATE ''5874897-12-31'')' ELSE '0' END) INTO candidates;
    FOREACH candidate IN ARRAY coalesce(candidates, '{}') LOOP
        BEGIN
            EXECUTE format('SELECT strata.ledger_plus(%s, (SELECT l.ledger FROM %s AS l WHERE %s AND l.user_id = %L)) FROM (%s) AS e WHERE user_id = %4$L',
                strata._ledger_agg_of(source), strata._base_table(source), is_queue::text, candidate, events);
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            beyond := beyond || candidate;
        END;
    END LOOP;
    RETURN beyond;
END
$$;

-- Why the rows of such users are put aside, as an expression.
CREATE FUNCTION _problem_of(source sources, users text[]) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('CASE WHEN (%s)::text = ANY (%L::text[]) THEN ''the amounts of this user are beyond what a ledger keeps'' END', source.user_expression, users)
$$;

-- Puts aside what a problem is found with.
CREATE FUNCTION _reject_from_queue(source sources, problem text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format($q$
        WITH bad AS MATERIALIZED (SELECT q.ctid AS place, %1$s AS problem FROM %2$s AS q WHERE strata_change <> 0),
        gone AS (DELETE FROM %2$s AS q USING bad AS b WHERE q.ctid = b.place AND b.problem IS NOT NULL
                 RETURNING q.strata_change AS change, b.problem, to_jsonb(q) - 'strata_change' AS rejected_row)
        INSERT INTO %3$s (change, problem, rejected_row) SELECT change, problem, rejected_row FROM gone
        $q$, problem, strata._table(source, 'queue'), strata._table(source, 'rejects'));
END
$$;

-- The same of rows of the relation; returns those that can be counted, for FROM.
CREATE FUNCTION _reject_from_relation(source sources, users text, rows text, problem text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    listed text := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(source.columns) AS c);
BEGIN
    EXECUTE format($q$
        WITH bad AS MATERIALIZED (
            SELECT strata_problem AS problem, to_jsonb(p) - 'strata_problem' AS rejected_row
            FROM (SELECT %1$s, %2$s AS strata_problem FROM %3$s WHERE %4$s OFFSET 0) AS p WHERE strata_problem IS NOT NULL
        ), again AS (DELETE FROM %5$s AS x USING bad AS b WHERE x.rejected_row = b.rejected_row)
        INSERT INTO %5$s (change, problem, rejected_row) SELECT 1, problem, rejected_row FROM bad
        $q$, listed, problem, rows, coalesce('(' || source.user_expression || ') IN (' || users || ')', 'true'), strata._table(source, 'rejects'));
    RETURN format('(SELECT * FROM %s WHERE (%s) IS NULL OFFSET 0) AS countable', rows, problem);
END
$$;

-- What is in the queue, folded into the ledgers.
CREATE FUNCTION _fold_queue(source sources) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    aggregate text := strata._ledger_agg_of(source);
    clauses text := format($q$
        taken AS (DELETE FROM %s WHERE strata_change <> 0 RETURNING *),
        events AS MATERIALIZED (%s),
        guests AS (SELECT sum(strata_change) AS guests FROM events WHERE user_id IS NULL),
        marks AS (SELECT NULL::text AS mark),
        moved AS (
            SELECT user_id, %s FILTER (WHERE strata_change = 1) AS added, %s FILTER (WHERE strata_change = -1) AS removed
            FROM events WHERE user_id IS NOT NULL GROUP BY user_id
        )$q$, strata._table(source, 'queue'), strata._events_of(source, 'taken', ', strata_change'), aggregate, aggregate);
    counted text := format($q$
        SELECT m.user_id, l.ctid AS place, l.ledger AS before, strata.ledger_minus(strata.ledger_plus(l.ledger, m.added), m.removed) AS after, 'event' AS cause
        FROM (SELECT * FROM moved ORDER BY user_id) AS m LEFT JOIN %s AS l ON l.user_id = m.user_id$q$, strata._base_table(source));
    problem text;
BEGIN
    -- as they are; without rows that cannot be counted; without users whose rows cannot be counted together
    FOR attempt IN 1..3 LOOP
        BEGIN
            RETURN strata._take_ledgers(source, strata._base_table(source), strata._log_table(source), clauses, counted);
        EXCEPTION WHEN data_exception OR object_not_in_prerequisite_state OR program_limit_exceeded THEN
            problem := SQLERRM;
        END;
        IF attempt = 1 THEN
            PERFORM strata._reject_from_queue(source, strata._make_problem(source));
        ELSIF attempt = 2 THEN
            PERFORM strata._reject_from_queue(source, strata._problem_of(source, strata._users_beyond(source, strata._table(source, 'queue'))));
        END IF;
    END LOOP;
    RAISE WARNING 'source "%": the changes do not fit the ledgers (%): all rows are counted anew', source.name, problem;
    RETURN strata._recount(source);
END
$$;

-- Counts all users anew, or those whom a query names. What the queue holds of them by then is in the rows.
CREATE FUNCTION _recount(source sources, users text DEFAULT NULL) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation text := strata._relation(source);
BEGIN
    IF users IS NULL THEN
        EXECUTE format('DELETE FROM %s', strata._table(source, 'rejects'));
        source.relations := strata._names(strata._members(source));
    END IF;
    BEGIN
        RETURN strata._recount_rows(source, users, relation);
    EXCEPTION WHEN data_exception OR object_not_in_prerequisite_state OR program_limit_exceeded THEN
        -- row by row, some microseconds each
        relation := strata._reject_from_relation(source, users, relation, strata._make_problem(source));
    END;
    BEGIN
        RETURN strata._recount_rows(source, users, relation);
    EXCEPTION WHEN data_exception OR object_not_in_prerequisite_state OR program_limit_exceeded THEN
        relation := strata._reject_from_relation(source, users, relation, strata._problem_of(source, strata._users_beyond(source, relation)));
    END;
    RETURN strata._recount_rows(source, users, relation);
END
$$;

-- Rows without a user are counted as guests here, and need no notice.
CREATE FUNCTION _recount_rows(source sources, users text, rows text) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    base text := strata._base_table(source);
    key_type text := strata._base_type(source);
    events text := strata._events_of(source, rows);
    queue text := CASE WHEN source.capture = 'trigger' THEN strata._table(source, 'queue') END;
    marks text := 'SELECT NULL::text AS mark';
    clauses text;
    counted text;
    is_first boolean;
BEGIN
    IF source.mark_column IS NOT NULL THEN
        marks := format('SELECT coalesce(max(%I) FILTER (WHERE %s)::text, %L) AS mark FROM %s', source.mark_column, strata._is_finite(source), source.mark, strata._relation(source));
    END IF;
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', base) INTO is_first;
    IF users IS NULL THEN
        clauses := concat_ws(', ', 'taken AS (DELETE FROM ' || queue || ')', format('marks AS (%s)', marks),
            format('guests AS (SELECT count(*) - %s AS guests FROM (%s) AS events WHERE user_id IS NULL)', source.guests, events),
            format('found AS (%s)', strata._count_events(source, events, key_type)));
        counted := CASE WHEN is_first
            THEN 'SELECT user_id, NULL::tid AS place, NULL::strata.ledger AS before, ledger AS after, ''event'' AS cause FROM found ORDER BY user_id'
            ELSE format($q$
                SELECT coalesce(f.user_id, l.user_id) AS user_id, l.ctid AS place, l.ledger AS before, f.ledger AS after, 'event' AS cause
                FROM found AS f FULL JOIN %s AS l ON l.user_id = f.user_id$q$, base) END;
    ELSE
        clauses := concat_ws(', ', format('wanted AS MATERIALIZED (SELECT DISTINCT user_id FROM (%s) AS w (user_id) WHERE user_id IS NOT NULL)', users),
            'taken AS (DELETE FROM ' || queue || ' WHERE (' || source.user_expression || ') IN (SELECT user_id FROM wanted))', format('marks AS (%s)', marks),
            'guests AS (SELECT 0 AS guests)',
            format('found AS (%s)', strata._count_events(source, format('%s AND (%s) IN (%s)', events, source.user_expression, users), key_type)));
        counted := format($q$
            SELECT w.user_id, l.ctid AS place, l.ledger AS before, f.ledger AS after, 'event' AS cause
            FROM wanted AS w LEFT JOIN found AS f ON f.user_id = w.user_id LEFT JOIN %s AS l ON l.user_id = w.user_id$q$, base);
    END IF;
    RETURN strata._take_ledgers(source, base, strata._log_table(source), clauses, counted);
END
$$;

-- The map of users.

-- Moves the ledgers of aliases whose ledger or whose user has changed to the users that the map names now.
CREATE FUNCTION _move_aliases(source sources) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    map strata.sources;
    aliases text := strata._table(source, 'aliases');
    touched text;
    everyone boolean;
    own_name text := CASE WHEN strata._base_type(source) = source.key_type THEN 'a.user_id' ELSE 'NULL' END;
    twice text;
BEGIN
    SELECT * INTO map FROM strata.sources AS s WHERE s.source_id = source.map_id;
    -- of a map whose changes are not captured all aliases are looked at
    -- of a map whose changes are not captured all aliases are looked at
    touched := CASE map.capture
        WHEN 'none' THEN format('SELECT user_id FROM %s', aliases)
        ELSE format('SELECT user_id FROM %s UNION SELECT user_id FROM %s', strata._table(source, 'alias_changes'), strata._table(map, 'changes')) END;
    IF map.capture <> 'none' THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE user_id IS NULL)', strata._table(map, 'changes')) INTO everyone;
        IF everyone THEN
            touched := format('SELECT user_id FROM %s', aliases);
        END IF;
    END IF;
    EXECUTE format($q$
        SELECT format('%%s stands for %%s users', alias, count(*))
        FROM (SELECT DISTINCT %1$s AS alias, %2$s AS user_id FROM %3$s WHERE %1$s IN (%4$s)) AS m
        GROUP BY alias HAVING count(*) > 1 LIMIT 1
        $q$, map.user_expression, source.map_expression, strata._relation(map), touched) INTO twice;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'the map % of source "%" is ambiguous: alias %', strata._relation(map), source.name, twice USING ERRCODE = 'cardinality_violation';
    END IF;
    EXECUTE format($q$
        CREATE TEMPORARY TABLE strata_moved ON COMMIT DROP AS
        SELECT a.user_id AS alias, a.mapped AS from_user, t.has_events,
               CASE WHEN m.alias IS NULL THEN %1$s ELSE m.user_id END AS to_user
        FROM (SELECT t.user_id, EXISTS (SELECT FROM %8$s AS c WHERE c.user_id = t.user_id) AS has_events FROM (%2$s) AS t) AS t
             JOIN %3$s AS a ON a.user_id = t.user_id
             LEFT JOIN (SELECT DISTINCT %4$s AS alias, (%5$s)::%6$s AS user_id FROM %7$s) AS m ON m.alias = a.user_id
        $q$, own_name, touched, aliases, map.user_expression, source.map_expression, source.key_type, strata._relation(map), strata._table(source, 'alias_changes'));
    DELETE FROM pg_temp.strata_moved WHERE NOT has_events AND from_user IS NOT DISTINCT FROM to_user;
    EXECUTE format('UPDATE %s AS a SET mapped = m.to_user FROM pg_temp.strata_moved AS m WHERE a.user_id = m.alias AND m.from_user IS DISTINCT FROM m.to_user', aliases);
    source := strata._take_ledgers(source, strata._table(source, 'ledger'), strata._table(source, 'changes'),
        format($q$
            guests AS (SELECT 0 AS guests), marks AS (SELECT %L AS mark),
            affected AS MATERIALIZED (
                SELECT user_id, max(CASE WHEN from_user IS NOT DISTINCT FROM to_user OR from_user IS NULL AND has_events THEN 'event' ELSE 'merge' END) AS cause
                FROM (SELECT m.*, from_user AS user_id FROM pg_temp.strata_moved AS m UNION ALL SELECT m.*, to_user FROM pg_temp.strata_moved AS m) AS u
                WHERE user_id IS NOT NULL GROUP BY user_id
            )$q$, source.mark),
        format($q$
            SELECT u.user_id, l.ctid AS place, l.ledger AS before, (SELECT strata.rollup(a.ledger) FROM %s AS a WHERE a.mapped = u.user_id) AS after, u.cause
            FROM affected AS u LEFT JOIN %s AS l ON l.user_id = u.user_id$q$, aliases, strata._table(source, 'ledger')));
    DROP TABLE pg_temp.strata_moved;
    EXECUTE format('DELETE FROM %s', strata._table(source, 'alias_changes'));
    EXECUTE format('DELETE FROM %s', strata._table(map, 'changes'));
    RETURN source;
END
$$;

-- Bringing a source up to date.

-- Of users only the keys are noted; a key that is NULL stands for all of them.
CREATE FUNCTION _sync_users(source sources) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changes text := strata._table(source, 'changes');
    changed bigint;
BEGIN
    source.changed := 0;
    IF source.capture = 'trigger' THEN
        IF NOT (source.relations <@ strata._names(strata._members(source)) AND source.relations @> strata._names(strata._members(source))) THEN
            PERFORM strata._put_in_place(source);
            source.relations := strata._names(strata._members(source));
            EXECUTE format('INSERT INTO %s (strata_change) VALUES (0)', strata._table(source, 'queue'));
        END IF;
        EXECUTE format($q$
            WITH taken AS (DELETE FROM %s RETURNING *)
            INSERT INTO %s (sync_id, user_id, cause)
            SELECT %s, user_id, 'attribute'
            FROM (SELECT CASE WHEN strata_change <> 0 THEN %s END AS user_id, strata_change FROM taken) AS t WHERE strata_change = 0 OR user_id IS NOT NULL GROUP BY user_id
            $q$, strata._table(source, 'queue'), changes, source.sync_id, source.user_expression);
        GET DIAGNOSTICS changed = ROW_COUNT;
        source.changed := changed;
    ELSIF source.capture = 'column' THEN
        EXECUTE format($q$
            WITH marks AS (SELECT coalesce(max(%1$I) FILTER (WHERE %8$s)::text, %2$L) AS mark FROM %3$s),
            noted AS (INSERT INTO %4$s (sync_id, user_id, cause) SELECT DISTINCT %5$s, %6$s, 'attribute' FROM %3$s WHERE %7$s AND (%6$s) IS NOT NULL RETURNING 1)
            SELECT mark, (SELECT count(*) FROM noted) FROM marks
            $q$, source.mark_column, source.mark, strata._relation(source), changes, source.sync_id, source.user_expression, strata._since_mark(source), strata._is_finite(source))
        INTO source.mark, source.changed;
    END IF;
    RETURN source;
END
$$;

-- What a mark can be: nothing comes after infinity.
CREATE FUNCTION _is_finite(source sources) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN atttypid = 'numeric'::regtype THEN format('%I < ''Infinity''', attname)
                WHEN atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN format('isfinite(%I)', attname) ELSE 'true' END
    FROM pg_attribute WHERE attrelid = to_regclass(strata._relation(source)) AND attname = source.mark_column
$$;

-- The rows at or after the mark less the margin; all of them before the first mark.
CREATE FUNCTION _since_mark(source sources) RETURNS text STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mark_type regtype := (SELECT atttypid FROM pg_attribute WHERE attrelid = to_regclass(strata._relation(source)) AND attname = source.mark_column);
BEGIN
    IF source.mark IS NULL THEN
        RETURN 'true';
    END IF;
    RETURN format('%I >= %L::%s - %L::%s', source.mark_column, source.mark, mark_type, source.margin,
        CASE WHEN mark_type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN 'interval' ELSE mark_type::text END);
END
$$;

-- What triggers saw is folded in. Where they could not see it, rows are counted anew: all of them where the relation was truncated or lost a
-- partition, those of its users where it got one.
CREATE FUNCTION _sync_events(source sources) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    truncated boolean;
    added regclass;
    changed bigint := 0;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE strata_change = 0)', strata._table(source, 'queue')) INTO truncated;
    IF truncated OR NOT source.relations <@ strata._names(strata._members(source)) THEN
        PERFORM strata._put_in_place(source);
        RETURN strata._recount(source);
    END IF;
    FOR added IN SELECT member FROM unnest(strata._members(source)) AS member WHERE NOT strata._names(ARRAY[member]) <@ source.relations LOOP
        PERFORM strata._attach_triggers(source, ARRAY[added]);
        -- who came through the parent and left where no trigger saw it stands in the queue
        source := strata._recount(source, format('SELECT %1$s FROM %2$s WHERE %3$s UNION ALL SELECT %1$s FROM %4$s', source.user_expression, added,
            coalesce('(' || source.where_clause || ')', 'true'), strata._table(source, 'queue')));
        source.relations := source.relations || strata._names(ARRAY[added]);
        changed := changed + source.changed;
    END LOOP;
    source := strata._fold_queue(source);
    source.changed := changed + source.changed;
    -- a TRUNCATE that was not there at the first look has been folded over
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE strata_change = 0)', strata._table(source, 'queue')) INTO truncated;
    IF truncated THEN
        RETURN strata._recount(source);
    END IF;
    RETURN source;
END
$$;

-- Brings a source that is locked up to date.
CREATE FUNCTION _sync(source sources) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD' -- marks are kept as text
AS $$
DECLARE
    problem text := strata._capture_problem(source);
    map strata.sources;
BEGIN
    PERFORM strata._present_relation(source);
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'source "%" may have missed changes: %', source.name, problem USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format(CASE WHEN strata._column_problem(source) IS NULL THEN 'SELECT strata.rebuild(%L); puts its triggers in place and counts all rows anew.'
                ELSE 'Bring the column back, or drop the source and add it anew: SELECT strata.drop_source(%L);' END, source.name);
    END IF;
    source.sync_id := source.sync_id + 1;
    source.changed := 0;
    IF source.kind = 'users' THEN
        source := strata._sync_users(source);
    ELSIF source.capture = 'trigger' THEN
        source := strata._sync_events(source);
    ELSIF source.capture = 'column' THEN
        source := strata._recount(source, format('SELECT %s FROM %s WHERE %s', source.user_expression, strata._relation(source), strata._since_mark(source)));
    END IF;
    IF source.map_id IS NOT NULL THEN
        SELECT * INTO map FROM strata.sources AS s WHERE s.source_id = source.map_id FOR UPDATE;
        PERFORM strata._sync(map);
        source := strata._move_aliases(source);
    END IF;
    PERFORM strata._keep(source);
    RETURN source;
END
$$;

-- Counts all rows of a source that is locked, for the first time or anew.
CREATE FUNCTION _count_all(source sources) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD' -- marks are kept as text
AS $$
DECLARE
    map strata.sources;
BEGIN
    source.sync_id := source.sync_id + 1;
    source := strata._recount(source);
    IF source.map_id IS NOT NULL THEN
        SELECT * INTO map FROM strata.sources AS s WHERE s.source_id = source.map_id FOR UPDATE;
        PERFORM strata._put_in_place(map);
        EXECUTE format('INSERT INTO %s (sync_id, cause) VALUES (0, ''attribute'')', strata._table(map, 'changes'));
        map.relations := strata._names(strata._members(map));
        PERFORM strata._keep(map);
        PERFORM strata._sync(map);
        source := strata._move_aliases(source);
    END IF;
    PERFORM strata._keep(source);
    PERFORM strata._forget_changes(source);
    EXECUTE format('ANALYZE %s', strata._table(source, 'ledger'));
    RETURN source.changed;
END
$$;

-- Puts the triggers of a source in place, and takes them off what is no part of the relation any more.
CREATE FUNCTION _put_in_place(source sources) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    obstacle text;
BEGIN
    IF source.capture <> 'trigger' THEN
        RETURN;
    END IF;
    obstacle := strata._not_for_triggers(strata._present_relation(source));
    IF obstacle IS NOT NULL THEN
        RAISE EXCEPTION 'triggers cannot capture the changes of source "%": %', source.name, obstacle USING
            ERRCODE = 'wrong_object_type', HINT = 'Drop the source, and add it with capture => ''column'' or ''none''.';
    END IF;
    PERFORM strata._detach_triggers(source, only_strangers => true);
    source.relations := strata._names(strata._members(source));
    IF strata._capture_problem(source) IS NOT NULL THEN
        PERFORM strata._attach_triggers(source, strata._members(source));
    END IF;
END
$$;

-- Writes down what a sync found.
CREATE FUNCTION _keep(source sources) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE strata.sources AS s
    SET mark = source.mark, relations = source.relations, sync_id = source.sync_id, synced_at = clock_timestamp(),
        latest_day = source.latest_day, guests = source.guests, changed = source.changed
    WHERE s.source_id = source.source_id;
END
$$;

-- Drops the changes that every model knows.
CREATE FUNCTION _forget_changes(source sources) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known bigint := (SELECT min(m.consumed) FROM strata.model_sources AS m WHERE m.source_id = source.source_id);
BEGIN
    EXECUTE format('DELETE FROM %s WHERE sync_id <= %s', strata._table(source, 'changes'), coalesce(known, source.sync_id));
END
$$;
