-- Sources of events: adding, following, checking and dropping them.

-- The canonical text of an expression over a relation's rows, read with the caller's search path; its columns join those found before.
CREATE FUNCTION _checked_expression(relation regclass, expression text, what text, caller_path text, INOUT columns name[], OUT canonical text, OUT expression_type regtype)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_columns text[];
BEGIN
    IF expression IS NULL THEN
        RETURN;
    END IF;
    PERFORM set_config('search_path', caller_path, true);
    SELECT e.canonical, e.expression_type, e.columns INTO canonical, expression_type, found_columns
    FROM strata.row_expression(relation, expression, what) AS e;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    columns := ARRAY(SELECT DISTINCT c FROM unnest(columns || found_columns::name[]) AS c ORDER BY c);
END
$$;

-- Which way of capture to use, and why.
CREATE FUNCTION _choose_capture(relation regclass, INOUT capture text, mark_column name, OUT reason text) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    obstacle text := strata._not_for_triggers(relation);
BEGIN
    IF capture IS NULL OR capture NOT IN ('auto', 'trigger', 'column', 'none') THEN
        RAISE EXCEPTION 'capture cannot be "%"', capture USING
            ERRCODE = 'invalid_parameter_value', HINT = 'It is one of ''auto'', ''trigger'', ''column'' and ''none''.';
    ELSIF capture = 'trigger' AND obstacle IS NOT NULL THEN
        RAISE EXCEPTION 'triggers cannot capture the changes of %: %', relation, obstacle USING
            ERRCODE = 'wrong_object_type', HINT = 'Use capture => ''column'' with a column that only grows, or capture => ''none''.';
    ELSIF capture = 'column' AND mark_column IS NULL THEN
        RAISE EXCEPTION 'capture => ''column'' needs a column' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'One that only grows, such as "column" => ''order_id'' or "column" => ''loaded_at''.';
    ELSIF mark_column IS NOT NULL AND capture NOT IN ('auto', 'column') THEN
        RAISE EXCEPTION '"column" is of use only with capture => ''column''' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    reason := 'as asked';
    IF capture = 'auto' THEN
        capture := CASE WHEN mark_column IS NOT NULL THEN 'column' WHEN obstacle IS NULL THEN 'trigger' ELSE 'none' END;
        reason := CASE capture WHEN 'column' THEN format('column "%s" is given', mark_column)
            WHEN 'trigger' THEN format('%s is a table of the caller''s own', relation)
            ELSE format('%s; without a "column" that only grows it is counted anew on demand', obstacle) END;
    END IF;
END
$$;

-- Registers a relation of events or users and makes its tables and triggers; nothing is counted yet.
CREATE FUNCTION _register_source(
    name text, kind text, relation regclass, user_column text, time_column text, amount_expression text, where_clause text, time_zone text,
    capture text, mark_column name, margin text, schema name, caller_path text, map_id bigint DEFAULT NULL, map_expression text DEFAULT NULL, key_type text DEFAULT NULL
) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    source strata.sources;
    user_type regtype;
    time_type regtype;
    amount_type regtype;
    where_type regtype;
    mark_type regtype;
    base_type text;
    columns name[] := '{}';
    is_timed boolean;
BEGIN
    IF kind = 'events' THEN
        PERFORM strata._check_name('source', name);
    END IF;
    IF relation IS NULL THEN
        RAISE EXCEPTION 'the relation of source "%" is missing', name USING ERRCODE = 'null_value_not_allowed';
    ELSIF user_column IS NULL THEN
        RAISE EXCEPTION 'the user_column of source "%" is missing', name USING ERRCODE = 'null_value_not_allowed', HINT = 'For example user_column => ''customer_id''.';
    ELSIF kind = 'events' AND time_column IS NULL THEN
        RAISE EXCEPTION 'the time_column of source "%" is missing', name USING ERRCODE = 'null_value_not_allowed', HINT = 'For example time_column => ''ordered_at''.';
    ELSIF schema IS NULL THEN
        RAISE EXCEPTION 'there is no schema for the tables of source "%"', name USING ERRCODE = 'invalid_schema_name', HINT = 'Name one: schema => ''analytics''.';
    ELSIF EXISTS (SELECT FROM strata.sources AS s WHERE s.owner = strata._me() AND s.name = name) THEN
        RAISE EXCEPTION 'source "%" exists already', name USING ERRCODE = 'duplicate_object', HINT = format('Drop it first: SELECT strata.drop_source(%L);', name);
    END IF;
    SELECT c.canonical, c.expression_type, c.columns INTO source.user_expression, user_type, columns
    FROM strata._checked_expression(relation, user_column, 'user_column', caller_path, columns) AS c;
    SELECT c.canonical, c.expression_type, c.columns INTO source.time_expression, time_type, columns
    FROM strata._checked_expression(relation, time_column, 'time_column', caller_path, columns) AS c;
    SELECT c.canonical, c.expression_type, c.columns INTO source.amount_expression, amount_type, columns
    FROM strata._checked_expression(relation, amount_expression, 'amount_expression', caller_path, columns) AS c;
    SELECT c.canonical, c.expression_type, c.columns INTO source.where_clause, where_type, columns
    FROM strata._checked_expression(relation, where_clause, 'where_clause', caller_path, columns) AS c;

    IF kind = 'events' AND time_type NOT IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN
        RAISE EXCEPTION 'time_column "%" is of type %', time_column, time_type USING ERRCODE = 'datatype_mismatch', HINT = 'It can be date, timestamp or timestamp with time zone.';
    ELSIF time_type = 'timestamptz'::regtype AND time_zone IS NULL THEN
        RAISE EXCEPTION 'time_column "%" is an instant, whose day needs a time zone', time_column USING
            ERRCODE = 'invalid_parameter_value', HINT = 'For example time_zone => ''Asia/Shanghai''.';
    ELSIF where_type <> 'boolean'::regtype THEN
        RAISE EXCEPTION 'where_clause "%" is of type %, not boolean', where_clause, where_type USING ERRCODE = 'datatype_mismatch';
    END IF;
    -- refuses a zone that there is not
    PERFORM statement_timestamp() AT TIME ZONE time_zone;
    source.time_zone := CASE WHEN time_type = 'timestamptz'::regtype THEN time_zone END;
    IF amount_type IN ('smallint'::regtype, 'real'::regtype) THEN
        source.amount_expression := format('(%s)::%s', source.amount_expression, CASE WHEN amount_type = 'real'::regtype THEN 'double precision' ELSE 'integer' END);
    ELSIF amount_type NOT IN ('numeric'::regtype, 'bigint'::regtype, 'integer'::regtype, 'double precision'::regtype) THEN
        RAISE EXCEPTION 'amount_expression "%" is of type %', amount_expression, amount_type USING ERRCODE = 'datatype_mismatch', HINT = 'It can be numeric, bigint, integer or double precision.';
    END IF;
    SELECT c.capture, c.reason INTO source.capture, source.capture_reason FROM strata._choose_capture(relation, capture, mark_column) AS c;
    IF source.capture = 'column' THEN
        SELECT atttypid INTO mark_type FROM pg_attribute WHERE attrelid = relation AND attname = mark_column AND attnum > 0 AND NOT attisdropped;
        is_timed := mark_type IN ('timestamp'::regtype, 'timestamptz'::regtype, 'date'::regtype);
        IF mark_type IS NULL THEN
            RAISE EXCEPTION '% has no column "%"', relation, mark_column USING ERRCODE = 'undefined_column';
        ELSIF NOT is_timed AND mark_type NOT IN ('bigint'::regtype, 'integer'::regtype, 'smallint'::regtype, 'numeric'::regtype) THEN
            RAISE EXCEPTION 'column "%" is of type %', mark_column, mark_type USING ERRCODE = 'datatype_mismatch', HINT = 'A column that only grows is a number or a time.';
        END IF;
        source.mark_column := mark_column;
        source.margin := coalesce(margin, CASE WHEN is_timed THEN '1 hour' ELSE '10000' END);
        -- refuses a margin that is none
        IF is_timed THEN PERFORM source.margin::interval; ELSE PERFORM source.margin::numeric; END IF;
    ELSIF margin IS NOT NULL THEN
        RAISE EXCEPTION 'a margin is of use only with capture => ''column''' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    base_type := CASE user_type WHEN 'smallint'::regtype THEN 'integer' WHEN 'character varying'::regtype THEN 'text' WHEN 'bpchar'::regtype THEN 'text' ELSE format_type(user_type, -1) END;
    IF base_type <> format_type(user_type, -1) THEN
        source.user_expression := format('(%s)::%s', source.user_expression, base_type);
    END IF;
    IF EXISTS (SELECT FROM pg_type AS t WHERE t.oid = user_type AND (t.typcategory IN ('A', 'C', 'P') OR t.typname IN ('json', 'jsonb', 'xml'))) THEN
        RAISE EXCEPTION 'user_column "%" is of type %', user_column, user_type USING ERRCODE = 'datatype_mismatch', HINT = 'A user is a number, a text or a uuid.';
    ELSIF 'strata_change' = ANY (columns) THEN
        RAISE EXCEPTION 'the column "strata_change" of % has a name that the queue needs', relation USING ERRCODE = 'reserved_name', HINT = 'Give it another name.';
    END IF;
    source.name := name;
    source.owner := strata._me();
    source.kind := kind;
    source.schema_name := schema;
    SELECT n.nspname, c.relname INTO source.relation_schema, source.relation_name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation;
    source.key_type := coalesce(key_type, base_type);
    source.columns := columns;
    source.relations := strata._names(ARRAY(SELECT strata._family(relation)));
    source.map_id := map_id;
    source.map_expression := map_expression;
    source.sync_id := 0;
    source.guests := 0;
    source.source_id := strata._new_id();
    INSERT INTO strata.sources SELECT source.*;

    EXECUTE format('CREATE TABLE %s (sync_id bigint NOT NULL, user_id %s, first_day date, cause text NOT NULL)', strata._table(source, 'changes'), source.key_type);
    EXECUTE format('CREATE INDEX ON %s (sync_id)', strata._table(source, 'changes'));
    EXECUTE format('COMMENT ON TABLE %s IS %L', strata._table(source, 'changes'), format('Users of source %s with changes that a model does not know of yet.', name));
    IF kind = 'events' THEN
        EXECUTE format('CREATE TABLE %s (user_id %s PRIMARY KEY, ledger strata.ledger NOT NULL) WITH (fillfactor = 90)', strata._table(source, 'ledger'), source.key_type);
        EXECUTE format('COMMENT ON TABLE %s IS %L', strata._table(source, 'ledger'), format('Ledgers of source %s, of %s.', name, strata._relation(source)));
        EXECUTE format('CREATE TABLE %s (rejected_at timestamptz NOT NULL DEFAULT now(), change smallint NOT NULL, problem text NOT NULL, rejected_row jsonb NOT NULL)', strata._table(source, 'rejects'));
        EXECUTE format('COMMENT ON TABLE %s IS %L', strata._table(source, 'rejects'), format('Rows of %s that source %s cannot count: 1 came, -1 went.', strata._relation(source), name));
        IF map_id IS NOT NULL THEN
            EXECUTE format('CREATE TABLE %s (user_id %s PRIMARY KEY, ledger strata.ledger NOT NULL, mapped %s) WITH (fillfactor = 90)', strata._table(source, 'aliases'), base_type, source.key_type);
            EXECUTE format('CREATE INDEX ON %s (mapped)', strata._table(source, 'aliases'));
            EXECUTE format('COMMENT ON TABLE %s IS %L', strata._table(source, 'aliases'), format('Ledgers of source %s by alias, and whose they are.', name));
            EXECUTE format('CREATE TABLE %s (sync_id bigint NOT NULL, user_id %s, first_day date, cause text NOT NULL)', strata._table(source, 'alias_changes'), base_type);
            EXECUTE format('COMMENT ON TABLE %s IS %L', strata._table(source, 'alias_changes'), format('Aliases of source %s with changes that its ledgers do not know of yet.', name));
        END IF;
    END IF;
    IF source.capture = 'trigger' THEN
        PERFORM strata._make_queue(source);
        PERFORM strata._attach_triggers(source, strata._members(source));
    END IF;
    RETURN source;
END
$$;

-- Without a search path of its own: names are read as the caller reads them.
CREATE FUNCTION add_source(
    name text,
    relation regclass,
    user_column text,
    time_column text,
    amount_expression text DEFAULT NULL,
    where_clause text DEFAULT NULL,
    time_zone text DEFAULT NULL,
    capture text DEFAULT 'auto',
    "column" name DEFAULT NULL,
    margin text DEFAULT NULL,
    user_map regclass DEFAULT NULL,
    schema name DEFAULT NULL,
    map_alias text DEFAULT 'alias',
    map_user text DEFAULT 'user_id'
) RETURNS TABLE (source text, ledgers regclass, captured_by text, because text, users bigint, events bigint, guests bigint, rejected bigint)
LANGUAGE sql
AS $$
    SELECT * FROM strata._add_source(name, relation, user_column, time_column, amount_expression, where_clause, time_zone, capture, "column", margin,
        user_map, coalesce(schema, pg_catalog.current_schema()), map_alias, map_user, pg_catalog.current_setting('search_path'))
$$;

CREATE FUNCTION _add_source(
    name text, relation regclass, user_column text, time_column text, amount_expression text, where_clause text, time_zone text, capture text, mark_column name,
    margin text, user_map regclass, schema name, map_alias text, map_user text, caller_path text
) RETURNS TABLE (source text, ledgers regclass, captured_by text, because text, users bigint, events bigint, guests bigint, rejected bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    added strata.sources;
    map strata.sources;
    map_expression text;
    map_type text;
BEGIN
    IF user_map IS NOT NULL THEN
        map := strata._register_source(name || '_map', 'users', user_map, map_alias, NULL, NULL, NULL, NULL, 'auto', NULL, NULL, schema, caller_path);
        SELECT c.canonical, CASE c.expression_type WHEN 'smallint'::regtype THEN 'integer' WHEN 'character varying'::regtype THEN 'text' WHEN 'bpchar'::regtype THEN 'text' ELSE c.expression_type::text END
        INTO map_expression, map_type FROM strata._checked_expression(user_map, map_user, 'map_user', caller_path, '{}') AS c;
    END IF;
    added := strata._register_source(name, 'events', relation, user_column, time_column, amount_expression, where_clause, time_zone, capture, mark_column, margin, schema,
        caller_path, map.source_id, map_expression, map_type);
    IF map.source_id IS NOT NULL AND map.key_type <> strata._base_type(added) THEN
        RAISE EXCEPTION 'the aliases of map % are of type %, those of source "%" of type %', user_map, map.key_type, name, strata._base_type(added) USING
            ERRCODE = 'datatype_mismatch', HINT = 'Cast one of them, as in map_alias => ''alias::text''.';
    END IF;
    PERFORM strata._count_all(added);
    RETURN QUERY SELECT * FROM strata._source_row(name);
END
$$;

CREATE FUNCTION _source_row(name text) RETURNS TABLE (source text, ledgers regclass, captured_by text, because text, users bigint, events bigint, guests bigint, rejected bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s strata.sources := strata._own_source(name);
BEGIN
    source := s.name;
    ledgers := strata._table(s, 'ledger')::regclass;
    captured_by := s.capture;
    because := s.capture_reason;
    guests := s.guests;
    EXECUTE format('SELECT count(*), coalesce(sum(strata.frequency(ledger, DATE ''5874897-12-31'')), 0) FROM %s', ledgers) INTO users, events;
    EXECUTE format('SELECT coalesce(sum(change), 0) FROM %s', strata._table(s, 'rejects')) INTO rejected;
    RETURN NEXT;
END
$$;

CREATE FUNCTION sync(source text) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    SELECT (strata._sync(strata._own_source(sync.source))).changed INTO changed;
    PERFORM strata._forget_changes(strata._own_source(sync.source));
    RETURN changed;
END
$$;

CREATE FUNCTION rebuild(source text) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s strata.sources := strata._own_source(rebuild.source);
BEGIN
    PERFORM strata._put_in_place(s);
    RETURN strata._count_all(s);
END
$$;

-- Every user whose ledger is not what the rows say, counted anew in one snapshot with what waits in the queue. Rows without a user need no notice.
CREATE FUNCTION verify(source text) RETURNS TABLE (user_id text, first_day date, kept ledger, counted ledger) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    s strata.sources := strata._own_source(verify.source);
    aggregate text := strata._ledger_agg_of(s);
    pending text := format('SELECT b.user_id, b.ledger AS added, b.ledger AS removed FROM %s AS b WHERE false', strata._base_table(s));
    rows text := strata._relation(s);
    differing text := $q$
        SELECT coalesce(f.user_id, k.user_id)::text, strata.first_difference(k.ledger, f.ledger), k.ledger, f.ledger
        FROM (%s) AS f
             FULL JOIN (SELECT coalesce(l.user_id, p.user_id) AS user_id, strata.ledger_minus(strata.ledger_plus(l.ledger, p.added), p.removed) AS ledger
                        FROM %s AS l FULL JOIN (%s) AS p ON p.user_id = l.user_id) AS k ON k.user_id = f.user_id
        WHERE strata.first_difference(k.ledger, f.ledger) IS NOT NULL
        ORDER BY 1
        $q$;
BEGIN
    PERFORM strata._present_relation(s);
    IF s.capture <> 'none' THEN
        -- what its way of capture shows is no difference, and rows that cannot be counted are put aside
        PERFORM strata._sync(s);
        s := strata._own_source(verify.source);
    END IF;
    IF s.capture = 'trigger' THEN
        pending := format($q$
            SELECT p.user_id, %1$s FILTER (WHERE strata_change = 1) AS added, %1$s FILTER (WHERE strata_change = -1) AS removed
            FROM (%2$s AND strata_change <> 0) AS p WHERE p.user_id IS NOT NULL GROUP BY p.user_id
            $q$, aggregate, strata._events_of(s, strata._table(s, 'queue'), ', strata_change'));
    END IF;
    FOR attempt IN 1..3 LOOP
        BEGIN
            RETURN QUERY EXECUTE format(differing, strata._count_events(s, strata._events_of(s, rows), strata._base_type(s)), strata._base_table(s), pending);
            RETURN;
        EXCEPTION WHEN data_exception OR object_not_in_prerequisite_state OR program_limit_exceeded THEN
            IF attempt = 3 THEN
                RAISE;
            END IF;
            rows := strata._reject_from_relation(s, NULL, rows, CASE attempt WHEN 1 THEN strata._make_problem(s) ELSE strata._problem_of(s, strata._users_beyond(s, rows)) END);
        END;
    END LOOP;
END
$$;

CREATE FUNCTION drop_source(source text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s strata.sources := strata._own_source(drop_source.source);
    readers text := (SELECT string_agg(DISTINCT quote_ident(m.name), ', ') FROM strata.model_sources AS x JOIN strata.models AS m USING (model_id) WHERE x.source_id = s.source_id);
    parent text := (SELECT p.name FROM strata.sources AS p WHERE p.map_id = s.source_id);
BEGIN
    IF readers IS NOT NULL THEN
        RAISE EXCEPTION 'source "%" is read by models: %', s.name, readers USING ERRCODE = 'dependent_objects_still_exist', HINT = 'Drop them first, with strata.drop_model.';
    ELSIF parent IS NOT NULL THEN
        RAISE EXCEPTION 'source "%" is the map of source "%"', s.name, parent USING ERRCODE = 'dependent_objects_still_exist';
    END IF;
    RETURN strata._drop_source(s);
END
$$;

CREATE FUNCTION _drop_source(source sources) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ending text;
    gone text[];
    map strata.sources;
    of_map text;
BEGIN
    PERFORM strata._detach_triggers(source);
    IF source.capture = 'trigger' THEN
        EXECUTE format('DROP FUNCTION %s()', strata._table(source, 'capture'));
    END IF;
    FOREACH ending IN ARRAY ARRAY['ledger', 'aliases', 'queue', 'changes', 'alias_changes', 'rejects'] LOOP
        IF to_regclass(strata._table(source, ending)) IS NOT NULL THEN
            EXECUTE format('DROP TABLE %s', strata._table(source, ending));
            gone := gone || strata._table(source, ending);
        END IF;
    END LOOP;
    DELETE FROM strata.sources AS s WHERE s.source_id = source.source_id;
    IF source.map_id IS NOT NULL THEN
        SELECT * INTO map FROM strata.sources AS s WHERE s.source_id = source.map_id;
        of_map := ', ' || strata._drop_source(map);
    END IF;
    RETURN format('dropped source "%s": %s%s%s', source.name, array_to_string(gone, ', '), CASE WHEN source.capture = 'trigger' THEN format(', and its triggers on %s', strata._relation(source)) END, of_map);
END
$$;

CREATE FUNCTION source_status() RETURNS TABLE (
    source text, relation text, captured_by text, because text, problem text, synced_at timestamptz, lag interval, latest_day date, queue_length bigint,
    users bigint, events bigint, guests bigint, guest_share numeric, rejected bigint, heavy_users jsonb, models text[]
) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    s strata.sources;
BEGIN
    FOR s IN SELECT * FROM strata.sources AS x WHERE x.kind = 'events' AND x.owner = strata._me() ORDER BY x.name LOOP
        source := s.name;
        relation := strata._relation(s);
        captured_by := s.capture;
        because := s.capture_reason;
        problem := strata._capture_problem(s);
        synced_at := s.synced_at;
        lag := clock_timestamp() - s.synced_at;
        latest_day := s.latest_day;
        queue_length := NULL;
        IF s.capture = 'trigger' THEN
            EXECUTE format('SELECT count(*) FROM %s', strata._table(s, 'queue')) INTO queue_length;
        END IF;
        EXECUTE format($q$
            WITH counted AS (SELECT user_id, strata.frequency(ledger, DATE '5874897-12-31') AS events FROM %s),
                 total AS (SELECT count(*) AS users, coalesce(sum(events), 0)::bigint AS events FROM counted)
            SELECT t.users, t.events, (SELECT jsonb_object_agg(c.user_id, round(c.events::numeric / t.events, 4)) FROM counted AS c WHERE c.events > 0.01 * t.events)
            FROM total AS t$q$, strata._table(s, 'ledger')) INTO users, events, heavy_users;
        guests := s.guests;
        guest_share := round(s.guests::numeric / nullif(s.guests + events, 0), 4);
        EXECUTE format('SELECT coalesce(sum(change), 0) FROM %s', strata._table(s, 'rejects')) INTO rejected;
        models := ARRAY(SELECT DISTINCT m.name FROM strata.model_sources AS x JOIN strata.models AS m USING (model_id) WHERE x.source_id = s.source_id ORDER BY m.name);
        RETURN NEXT;
    END LOOP;
END
$$;
