-- Registered models: their versions, sources, members and history.
--
-- A model called rfm has the tables rfm_members (where everyone is) and rfm_history (every change, append only), and the view
-- rfm_periods (the history with its periods). They belong to its owner.

CREATE FUNCTION _table(model models, ending text) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('%I.%I', model.schema_name, model.name || '_' || ending) $$;

-- The day it is in a model's time zone.
CREATE FUNCTION _today(model models) RETURNS date STABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT (now() AT TIME ZONE model.time_zone)::date $$;

CREATE FUNCTION _is_overlapping(definition model) RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(definition::jsonb ->> 'mode' = 'overlapping', false) $$;

-- The names below a key of a definition, which is an object or an array of names.
CREATE FUNCTION _names_in(definition model, key text) RETURNS SETOF text IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part jsonb := definition::jsonb -> key;
BEGIN
    IF jsonb_typeof(part) = 'object' THEN
        RETURN QUERY SELECT jsonb_object_keys(part);
    ELSIF jsonb_typeof(part) = 'array' THEN
        RETURN QUERY SELECT jsonb_array_elements_text(part);
    END IF;
END
$$;

-- The sources of a model with their part in it.
CREATE FUNCTION _parts(model models) RETURNS TABLE (part text, name text, consumed bigint, source sources) STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.part, p.name, p.consumed, s
    FROM strata.model_sources AS p JOIN strata.sources AS s USING (source_id)
    WHERE p.model_id = model.model_id ORDER BY p.part, p.name
$$;

-- All users that a model could have, each once: (user_id), with their ledger beside it where a model has no other source of users.
CREATE FUNCTION _all_users(model models) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE count(*) WHEN 1 THEN min(alone) ELSE string_agg(users, ' UNION ') END
    FROM strata._parts(model), LATERAL (
        SELECT format('SELECT user_id FROM %s', strata._table(source, 'ledger')), format('SELECT user_id, ledger AS only_ledger FROM %s', strata._table(source, 'ledger'))
        WHERE part = 'ledger'
        UNION ALL
        SELECT u, u FROM format('SELECT DISTINCT %s AS user_id FROM %s WHERE (%1$s) IS NOT NULL', (source).user_expression, strata._relation(source)) AS u
        WHERE part = 'users'
    ) AS q (users, alone)
$$;

-- A query that adds to users (a query with a user_id) what a version of the model asks of them: the record f, and since when they are there at
-- all (present_from): always where they are registered, otherwise from the first entry of any ledger; NULL where they are not. The ledgers stand there on
-- their own, too, as ledger_1 and so on. Of few users each is looked up by an index, however large the tables are.
CREATE FUNCTION _features(model models, definition model, users text, exclude daterange[] DEFAULT NULL, few boolean DEFAULT false) RETURNS text STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
    joins text := '';
    columns text[] := '{}';
    firsts text[] := '{}';
    ledgers text := '';
    present text[];
    registered text := 'false';
    ledger text;
    range daterange;
    wanted text[] := ARRAY(SELECT strata._names_in(definition, 'attributes'));
    number integer := 0;
    is_there boolean;
BEGIN
    FOR p IN SELECT * FROM strata._parts(model) LOOP
        number := number + 1;
        IF p.part = 'ledger' THEN
            is_there := users = format('SELECT user_id, ledger AS only_ledger FROM %s', strata._table(p.source, 'ledger'));
            joins := joins || CASE WHEN is_there THEN '' WHEN few
                THEN format(' LEFT JOIN LATERAL (SELECT ledger FROM %s AS l WHERE l.user_id = k.user_id OFFSET 0) AS l%s ON true', strata._table(p.source, 'ledger'), number)
                ELSE format(' LEFT JOIN %s AS l%s ON l%2$s.user_id = k.user_id', strata._table(p.source, 'ledger'), number) END;
            ledger := CASE WHEN is_there THEN 'k.only_ledger' ELSE format('l%s.ledger', number) END;
            ledgers := ledgers || format(', %s AS ledger_%s', ledger, cardinality(firsts) + 1);
            firsts := firsts || format('strata.first_difference(NULL, %s)', ledger);
            FOREACH range IN ARRAY coalesce(exclude, '{}') LOOP
                ledger := format('strata.ledger_minus(%s, strata.clip(%1$s, %L, %L))', ledger, lower(range), upper(range) - 1);
            END LOOP;
            columns := columns || format('%s AS %I', ledger, p.name);
        ELSIF p.part = 'attributes' THEN
            present := ARRAY(
                SELECT quote_ident(attname) FROM pg_attribute
                WHERE attrelid = strata._present_relation(p.source) AND attnum > 0 AND NOT attisdropped AND attname = ANY (wanted) ORDER BY attnum);
            joins := joins || CASE WHEN few AND strata._is_indexed(p.source)
                THEN format(' LEFT JOIN LATERAL (SELECT %s FROM %s AS strata_attributes WHERE strata_attributes.%s = k.user_id OFFSET 0) AS a ON true',
                    array_to_string(present, ', '), strata._relation(p.source), (p.source).user_expression)
                ELSE format(' LEFT JOIN (SELECT %s FROM %s AS strata_attributes) AS a ON a.strata_user = k.user_id',
                    array_to_string(format('(%s) AS strata_user', (p.source).user_expression) || present, ', '), strata._relation(p.source)) END;
            columns := columns || ARRAY(SELECT 'a.' || c FROM unnest(present) AS c);
        ELSE
            registered := format('EXISTS (SELECT FROM %s AS strata_users WHERE (%s) = k.user_id)', strata._relation(p.source), (p.source).user_expression);
        END IF;
    END LOOP;
    RETURN format($q$
        SELECT k.*, CASE WHEN %s THEN '-infinity'::date ELSE least(%s) END AS present_from%s, strata_row AS f
        FROM (%s) AS k%s CROSS JOIN LATERAL (SELECT %s) AS strata_row$q$,
        registered, CASE WHEN firsts = '{}' THEN 'NULL::date' ELSE array_to_string(firsts, ', ') END, ledgers, users, joins, array_to_string(columns, ', '));
END
$$;

-- Whether a user is found in a relation by an index: the key is a column with one.
CREATE FUNCTION _is_indexed(source sources) RETURNS boolean STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = to_regclass(strata._relation(source)) AND i.indisvalid AND i.indpred IS NULL AND quote_ident(a.attname) = source.user_expression
    )
$$;

-- Registers the relation, or the query as a view, that attributes or registered users come from.
CREATE FUNCTION _add_users(model models, part text, relation_or_query text, user_column text, capture text, caller_path text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
    source strata.sources;
    view_name text := strata._table(model, part);
BEGIN
    IF relation_or_query IS NULL THEN
        RETURN;
    END IF;
    PERFORM set_config('search_path', caller_path, true);
    IF pg_catalog.lower(relation_or_query) OPERATOR(pg_catalog.~) '^[[:space:]]*(select|with|values|table)[[:space:](]' THEN
        EXECUTE pg_catalog.format('CREATE VIEW %s AS %s', view_name, relation_or_query);
        relation := view_name;
    ELSE
        relation := relation_or_query;
    END IF;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    source := strata._register_source(model.name || '_' || part, 'users', relation, user_column, NULL, NULL, NULL, NULL, capture, NULL, NULL, model.schema_name, caller_path);
    IF source.key_type <> model.key_type THEN
        RAISE EXCEPTION 'the users of % are of type %, those of model "%" of type %', relation, source.key_type, model.name, model.key_type USING
            ERRCODE = 'datatype_mismatch', HINT = format('Use a query with a cast: %1$s => ''SELECT %2$s::%3$s AS %2$s, … FROM %4$s''.', part, user_column, model.key_type, relation);
    END IF;
    INSERT INTO strata.model_sources (model_id, source_id, part, name) VALUES (model.model_id, source.source_id, part, part);
END
$$;

-- Connects the sources of a definition with those that are registered, by what is given, as they were, or by name; those of other versions stay.
CREATE FUNCTION _connect_sources(model models, definition model, sources jsonb) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text;
    given text;
    called text;
    source strata.sources;
    key_type text := model.key_type;
BEGIN
    IF jsonb_typeof(sources) <> 'object' THEN
        RAISE EXCEPTION 'sources must be an object' USING ERRCODE = 'invalid_parameter_value', HINT = 'The sources of the model with registered ones: {"orders": "shop_orders"}.';
    END IF;
    FOR given IN SELECT jsonb_object_keys(sources) LOOP
        IF given NOT IN (SELECT strata._names_in(definition, 'sources')) THEN
            RAISE EXCEPTION 'the model has no source "%"', given USING ERRCODE = 'undefined_object',
                HINT = format('It has: %s.', (SELECT string_agg(n, ', ') FROM strata._names_in(definition, 'sources') AS n));
        END IF;
    END LOOP;
    -- locked in the order of refreshes, whatever the order of names is
    PERFORM FROM strata.sources AS s
    WHERE s.owner = strata._me() AND s.name IN (SELECT coalesce(sources ->> n, n) FROM strata._names_in(definition, 'sources') AS n)
    ORDER BY s.source_id FOR UPDATE;
    FOR wanted IN SELECT strata._names_in(definition, 'sources') LOOP
        called := coalesce(sources ->> wanted,
            (SELECT s.name FROM strata.model_sources AS x JOIN strata.sources AS s USING (source_id) WHERE x.model_id = model.model_id AND x.part = 'ledger' AND x.name = wanted), wanted);
        IF NOT EXISTS (SELECT FROM strata.sources AS s WHERE s.name = called) THEN
            RAISE EXCEPTION 'source "%" does not exist', called USING
                ERRCODE = 'undefined_object',
                HINT = concat('Add it with strata.add_source, or name the one that stands for it, as in sources => ''{"orders": "shop_orders"}''.',
                    (SELECT ' There is: ' || string_agg(quote_ident(s.name), ', ' ORDER BY s.name) || '.' FROM strata.sources AS s WHERE s.kind = 'events'));
        END IF;
        source := strata._own_source(called);
        IF source.kind <> 'events' THEN
            RAISE EXCEPTION 'source "%" has no ledgers', source.name USING ERRCODE = 'wrong_object_type';
        ELSIF key_type IS NULL THEN
            key_type := source.key_type;
        ELSIF key_type <> source.key_type THEN
            RAISE EXCEPTION 'the users of source "%" are of type %, those of the model''s other sources of type %', source.name, source.key_type, key_type USING
                ERRCODE = 'datatype_mismatch', HINT = format('Add it with a cast: user_column => ''…::%s''.', key_type);
        END IF;
        IF model.model_id IS NOT NULL THEN
            INSERT INTO strata.model_sources AS m (model_id, source_id, part, name) VALUES (model.model_id, source.source_id, 'ledger', wanted)
            ON CONFLICT (model_id, part, name) DO UPDATE SET source_id = excluded.source_id, consumed = NULL WHERE m.source_id <> excluded.source_id;
        END IF;
    END LOOP;
    RETURN key_type;
END
$$;

-- Without a search path of its own: names are read as the caller reads them.
CREATE FUNCTION create_model(
    name text,
    definition model,
    sources jsonb DEFAULT NULL,
    attributes text DEFAULT NULL,
    users text DEFAULT NULL,
    schema name DEFAULT NULL,
    time_zone text DEFAULT NULL,
    history_from date DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    capture text DEFAULT 'auto'
) RETURNS text LANGUAGE sql
AS $$
    SELECT strata._create_model(name, definition, sources, attributes, users, coalesce(schema, pg_catalog.current_schema()),
        coalesce(time_zone, pg_catalog.current_setting('TimeZone')), history_from, user_column, capture, pg_catalog.current_setting('search_path'))
$$;

CREATE FUNCTION _create_model(
    name text, definition model, sources jsonb, attributes text, users text, schema name, time_zone text, history_from date, user_column text, capture text, caller_path text
) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    m strata.models;
BEGIN
    PERFORM strata._check_name('model', name);
    IF definition IS NULL THEN
        RAISE EXCEPTION 'the definition of model "%" is missing', name USING ERRCODE = 'null_value_not_allowed', HINT = 'For example strata.preset(''rfm_eleven'').';
    ELSIF schema IS NULL THEN
        RAISE EXCEPTION 'there is no schema for the tables of model "%"', name USING ERRCODE = 'invalid_schema_name', HINT = 'Name one: schema => ''analytics''.';
    ELSIF NOT isfinite(history_from) THEN
        RAISE EXCEPTION 'history_from cannot be %', history_from USING ERRCODE = 'datetime_field_overflow';
    ELSIF EXISTS (SELECT FROM strata.models AS x WHERE x.owner = strata._me() AND x.name = name) THEN
        RAISE EXCEPTION 'model "%" exists already', name USING ERRCODE = 'duplicate_object',
            HINT = format('SELECT strata.alter_model(%L, …); gives it another definition, SELECT strata.drop_model(%1$L); removes it.', name);
    END IF;
    PERFORM statement_timestamp() AT TIME ZONE time_zone;
    m.name := name;
    m.owner := strata._me();
    m.schema_name := schema;
    m.time_zone := time_zone;
    m.history_from := history_from;
    m.active_version := 1;
    m.users := 0;
    m.key_type := strata._connect_sources(m, definition, sources);
    IF m.key_type IS NULL THEN
        IF users IS NULL THEN
            RAISE EXCEPTION 'model "%" has neither sources nor users', name USING ERRCODE = 'invalid_parameter_value', HINT = 'For example users => ''shop.customers''.';
        END IF;
        m.key_type := strata._key_type_of(users, user_column, caller_path);
    END IF;
    m.model_id := strata._new_id();
    INSERT INTO strata.models SELECT m.*;
    INSERT INTO strata.model_versions (model_id, version, definition, cause) VALUES (m.model_id, 1, definition, 'definition');
    PERFORM strata._connect_sources(m, definition, sources);
    PERFORM strata._add_users(m, 'attributes', attributes, user_column, capture, caller_path);
    PERFORM strata._add_users(m, 'users', users, user_column, capture, caller_path);
    PERFORM strata._try(m, definition);

    EXECUTE format($q$
        CREATE TABLE %s (
            user_id %s NOT NULL,
            layer text,
            layers text[],
            scores smallint[],
            since date NOT NULL,
            next_change date
        ) WITH (fillfactor = 80)$q$, strata._table(m, 'members'), m.key_type);
    PERFORM strata._index_members(m);
    EXECUTE format('COMMENT ON TABLE %s IS %L', strata._table(m, 'members'), format('Where the users of model %s are, as of its last refresh. NULL: counted, but in no layer.', name));
    EXECUTE format($q$
        CREATE TABLE %s (
            change_id bigint GENERATED ALWAYS AS IDENTITY,
            user_id %s NOT NULL,
            valid_from date NOT NULL,
            layer text,
            layers text[],
            previous_layer text,
            previous_layers text[],
            cause text NOT NULL CHECK (cause IN ('event', 'clock', 'attribute', 'calibration', 'definition', 'merge', 'backfill')),
            version integer NOT NULL,
            recorded_at timestamptz NOT NULL DEFAULT now()
        )$q$, strata._table(m, 'history'), m.key_type);
    PERFORM strata._index_history(m);
    EXECUTE format('COMMENT ON TABLE %s IS %L', strata._table(m, 'history'), format('Every change of layer of a user of model %s, append only. NULL: left.', name));
    EXECUTE format($q$
        CREATE VIEW %s AS
        SELECT user_id, layer, layers, period, cause, version, recorded_at, change_id
        FROM (SELECT *, daterange(valid_from, lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, change_id)) AS period FROM %s) AS h
        WHERE NOT isempty(period) AND (layer IS NOT NULL OR layers IS NOT NULL)$q$, strata._table(m, 'periods'), strata._table(m, 'history'));
    EXECUTE format('COMMENT ON VIEW %s IS %L', strata._table(m, 'periods'), format('Who was when in which layer of model %s.', name));
    RETURN format('model "%s": %s, %s, %s', name, strata._table(m, 'members'), strata._table(m, 'history'), strata._table(m, 'periods'));
END
$$;

CREATE FUNCTION _index_members(model models) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (user_id)', strata._table(model, 'members'));
    EXECUTE format('CREATE INDEX %I ON %s (next_change)', model.name || '_members_due', strata._table(model, 'members'));
END
$$;

CREATE FUNCTION _index_history(model models) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (user_id, valid_from, change_id)', strata._table(model, 'history'));
    EXECUTE format('CREATE INDEX %I ON %s USING brin (change_id) WITH (pages_per_range = 32)', model.name || '_history_polled', strata._table(model, 'history'));
END
$$;

-- The type of the users of a relation or a query.
CREATE FUNCTION _key_type_of(relation_or_query text, user_column text, caller_path text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_type text;
    is_query boolean := lower(relation_or_query) ~ '^\s*(select|with|values|table)[\s(]';
    relation text;
BEGIN
    PERFORM set_config('search_path', caller_path, true);
    relation := CASE WHEN is_query THEN pg_catalog.format('(%s)', relation_or_query) ELSE relation_or_query::pg_catalog.regclass::pg_catalog.text END;
    EXECUTE pg_catalog.format('SELECT pg_catalog.pg_typeof(k)::pg_catalog.text FROM (SELECT) AS one LEFT JOIN (SELECT (%s) AS k FROM %s AS r LIMIT 0) AS u ON true', user_column, relation) INTO found_type;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN CASE found_type WHEN 'smallint' THEN 'integer' WHEN 'character varying' THEN 'text' WHEN 'character' THEN 'text' ELSE found_type END;
END
$$;

-- Asks a definition about a user of whom nothing is known: columns that are missing or of another type are found now, not at night.
CREATE FUNCTION _try(model models, definition model) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    BEGIN
        EXECUTE format('SELECT strata.metrics(f, $1, DATE ''2000-01-01'') FROM (%s) AS asked', strata._features(model, definition, format('SELECT NULL::%s AS user_id', model.key_type))) USING definition;
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
        -- predictions have no fit before calibration; columns were looked at before that was said
        NULL;
    END;
    -- conditions name columns that metrics do not
    PERFORM strata._is_calibrated(model, definition);
END
$$;

-- Whether a definition has the cuts that it needs.
CREATE FUNCTION _is_calibrated(model models, definition model) RETURNS boolean STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT strata.evaluate(f, $1, DATE ''2000-01-01'') FROM (%s) AS asked', strata._features(model, definition, format('SELECT NULL::%s AS user_id', model.key_type))) USING definition;
    RETURN true;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN false;
END
$$;

-- Adds a version and activates it where that is wanted.
CREATE FUNCTION _add_version(model models, definition model, cause text, calibrated_as_of date, activate boolean) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    added integer;
BEGIN
    added := (SELECT max(v.version) + 1 FROM strata.model_versions AS v WHERE v.model_id = model.model_id);
    INSERT INTO strata.model_versions (model_id, version, definition, cause, calibrated_as_of)
    VALUES (model.model_id, added, definition, cause, calibrated_as_of);
    IF activate THEN
        UPDATE strata.models AS m SET active_version = added WHERE m.model_id = model.model_id;
    END IF;
    RETURN added;
END
$$;

CREATE FUNCTION alter_model(name text, definition model, sources jsonb DEFAULT NULL, activate boolean DEFAULT true) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._own_model(alter_model.name);
    before jsonb := strata._version(m)::jsonb;
    wanted strata.model := definition;
    key text;
    same boolean := true;
BEGIN
    IF definition IS NULL THEN
        RAISE EXCEPTION 'the definition of model "%" is missing', m.name USING ERRCODE = 'null_value_not_allowed';
    ELSIF strata._is_overlapping(definition) <> strata._is_overlapping(strata._version(m)) THEN
        RAISE EXCEPTION 'the layers of model "%" cannot become %', m.name, CASE WHEN strata._is_overlapping(definition) THEN 'overlapping' ELSE 'exclusive' END USING
            ERRCODE = 'feature_not_supported', HINT = 'Create another model: the history of this one is of the other kind.';
    END IF;
    -- cuts stay where nothing that they are made of changes
    IF before ? 'calibration' AND NOT definition::jsonb ? 'calibration' THEN
        FOREACH key IN ARRAY ARRAY['parameters', 'attributes', 'population', 'metrics', 'scores'] LOOP
            same := same AND (before -> key) IS NOT DISTINCT FROM (definition::jsonb -> key);
        END LOOP;
        IF same THEN
            wanted := (definition::jsonb || jsonb_build_object('calibration', before -> 'calibration'))::strata.model;
        END IF;
    END IF;
    PERFORM strata._connect_sources(m, wanted, sources);
    PERFORM strata._try(m, wanted);
    RETURN strata._add_version(m, wanted, 'definition', NULL, activate);
END
$$;

CREATE FUNCTION calibrate(model text, as_of date DEFAULT NULL, activate boolean DEFAULT true, exclude daterange[] DEFAULT NULL, version integer DEFAULT NULL) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._own_model(calibrate.model);
    -- what is known of users ends with the last refresh
    day date := coalesce(as_of, m.as_of, strata._today(m));
    definition strata.model := strata._version(m, calibrate.version);
    calibrated strata.model;
    range daterange;
    without text;
BEGIN
    FOREACH range IN ARRAY coalesce(exclude, '{}') LOOP
        IF range IS NULL OR isempty(range) OR lower_inf(range) OR upper_inf(range) THEN
            RAISE EXCEPTION 'days cannot be left out by the range %', range USING
                ERRCODE = 'invalid_parameter_value', HINT = 'Ranges have two ends: exclude => ARRAY[''[2024-11-01,2024-11-12)'']::daterange[].';
        END IF;
    END LOOP;
    PERFORM strata._sync_parts(m);
    -- scores that mix predictions with something else are cut by a second pass, with the fits of the first
    FOR pass IN 1 .. 2 LOOP
        EXECUTE format('SELECT strata.calibrate_agg(f, $1, $2) FROM (%s) AS u WHERE present_from <= $2',
            strata._features(m, definition, strata._all_users(m), exclude)) INTO calibrated USING coalesce(calibrated, definition), day;
        IF calibrated IS NULL THEN
            RAISE EXCEPTION 'model "%" has no users by % to be calibrated with', m.name, day USING ERRCODE = 'no_data_found';
        END IF;
        EXIT WHEN strata._is_calibrated(m, calibrated);
    END LOOP;
    -- cuts that nobody reaches would move everyone
    SELECT string_agg(quote_ident(score), ', ') FILTER (WHERE (cuts ->> 'users')::bigint = 0) INTO without
    FROM jsonb_each(coalesce(calibrated::jsonb #> '{calibration,scores}', '{}')) AS s (score, cuts)
    HAVING bool_and((cuts ->> 'users')::bigint = 0);
    IF without IS NOT NULL THEN
        RAISE EXCEPTION 'no user of model "%" has a value for its scores by %: %', m.name, day, without USING
            ERRCODE = 'no_data_found', HINT = format('Choose a day that the data reach: SELECT strata.calibrate(%L, as_of => …);', m.name);
    END IF;
    RETURN strata._add_version(m, calibrated, 'calibration', day, activate);
END
$$;

CREATE FUNCTION activate(model text, version integer) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._own_model(activate.model);
BEGIN
    IF activate.version IS NULL THEN
        RAISE EXCEPTION 'the version of model "%" is missing', m.name USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM strata._version(m, activate.version);
    UPDATE strata.models AS x SET active_version = activate.version WHERE x.model_id = m.model_id;
END
$$;

CREATE FUNCTION drop_model(model text) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._own_model(drop_model.model);
    gone text[] := ARRAY[strata._table(m, 'members'), strata._table(m, 'history'), strata._table(m, 'periods')];
    own strata.sources[] := ARRAY(SELECT x.source FROM strata._parts(m) AS x WHERE x.part <> 'ledger');
    read strata.sources[] := ARRAY(SELECT x.source FROM strata._parts(m) AS x WHERE x.part = 'ledger');
    source strata.sources;
BEGIN
    IF m.schedule IS NOT NULL THEN
        PERFORM strata.unschedule(m.name);
    END IF;
    EXECUTE format('DROP VIEW IF EXISTS %s', strata._table(m, 'periods'));
    EXECUTE format('DROP TABLE IF EXISTS %s, %s', strata._table(m, 'members'), strata._table(m, 'history'));
    DELETE FROM strata.models AS x WHERE x.model_id = m.model_id;
    FOREACH source IN ARRAY own LOOP
        gone := gone || strata._drop_source(source);
        IF source.relation_schema = m.schema_name AND source.relation_name = source.name AND (SELECT c.relkind = 'v' FROM pg_class AS c WHERE c.oid = to_regclass(strata._relation(source))) THEN
            EXECUTE format('DROP VIEW %s', strata._relation(source));
        END IF;
    END LOOP;
    FOREACH source IN ARRAY read LOOP
        PERFORM strata._forget_changes(source);
    END LOOP;
    RETURN format('dropped model "%s": %s', m.name, array_to_string(gone, ', '));
END
$$;
