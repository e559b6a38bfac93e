-- What users read of models: who is where, who moved, why, and how it would have been.
--
-- Everything here reads; nothing is brought up to date by it. What is read of members and history is as the last refresh wrote it;
-- what is read of ledgers is as they were synced last, with attributes as they are now.

-- The layers that users can be in, which headings are not. Rank is their order where the definition has one, and otherwise NULL; the
-- default stands at its worse end.
CREATE FUNCTION _layers(definition model) RETURNS TABLE (layer text, layer_order integer, label_en text, label_zh text, rank bigint)
IMMUTABLE PARALLEL SAFE ROWS 10 LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.layer, l.position, l.label_en, l.label_zh,
           CASE WHEN d ->> 'mode' = 'overlapping' OR d ->> 'ranking' = 'none' THEN NULL
                ELSE row_number() OVER (ORDER BY coalesce(d ->> 'ranking' = 'best_last' AND l.layer = d #>> '{default,name}', false) DESC, l.position) END
    FROM (SELECT definition::jsonb AS d) AS of_definition, LATERAL strata.model_layers(definition) AS l
    WHERE l.layer NOT IN (SELECT w ->> 'name' FROM jsonb_array_elements(d -> 'layers') AS w WHERE NOT w ? 'when')
    ORDER BY l.position
$$;

-- The layers that a model has in any of its versions.
CREATE FUNCTION _layers_ever(model models) RETURNS text[] STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(layer ORDER BY version DESC, layer_order)
    FROM (SELECT DISTINCT ON (l.layer) l.layer, l.layer_order, v.version
          FROM strata.model_versions AS v, strata._layers(v.definition) AS l WHERE v.model_id = model.model_id
          ORDER BY l.layer, v.version DESC) AS n
$$;

CREATE FUNCTION _check_layer(model models, layer text) RETURNS void STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known text[] := strata._layers_ever(model);
BEGIN
    IF layer IS NULL THEN
        RAISE EXCEPTION 'the name of a layer of model "%" is missing', model.name USING
            ERRCODE = 'null_value_not_allowed', HINT = format('It has: %s.', array_to_string(known, ', '));
    ELSIF layer <> ALL (known) THEN
        RAISE EXCEPTION 'model "%" has no layer "%"', model.name, layer USING
            ERRCODE = 'undefined_object', HINT = format('It has: %s.', array_to_string(known, ', '));
    END IF;
END
$$;

CREATE FUNCTION _check_day(day date, what text) RETURNS void IMMUTABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF day IS NULL THEN
        RAISE EXCEPTION '% is missing', what USING ERRCODE = 'null_value_not_allowed', HINT = 'For example DATE ''2024-12-31''.';
    ELSIF NOT isfinite(day) THEN
        RAISE EXCEPTION '% cannot be %', what, day USING ERRCODE = 'datetime_field_overflow';
    END IF;
END
$$;

CREATE FUNCTION _check_days(from_day date, to_day date) RETURNS void IMMUTABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM strata._check_day(from_day, 'from_day');
    PERFORM strata._check_day(to_day, 'to_day');
    IF from_day > to_day THEN
        RAISE EXCEPTION 'from_day % is after to_day %', from_day, to_day USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;

-- Refuses a question that only makes sense where a user is in one layer.
CREATE FUNCTION _check_exclusive(model models, question text, instead text) RETURNS void STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF strata._is_overlapping(strata._version(model)) THEN
        RAISE EXCEPTION 'the layers of model "%" overlap: %', model.name, question USING ERRCODE = 'feature_not_supported', HINT = instead;
    END IF;
END
$$;

-- The version that answers for a day: for that of the last refresh the one that made the members.
CREATE FUNCTION _version_of_day(model models, day date) RETURNS model STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT strata._version(model, CASE WHEN day = model.as_of THEN model.refreshed_version END) $$;

-- The day of a question without one: that of the last refresh, or today before the first.
CREATE FUNCTION _day_or_last(model models, day date) RETURNS date STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    day := coalesce(day, model.as_of, strata._today(model));
    PERFORM strata._check_day(day, 'as_of');
    RETURN day;
END
$$;

-- A user's key, given as text, as the table has it.
CREATE FUNCTION _key(model models, user_id text) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('%L::%s', user_id, model.key_type::regtype) $$;

-- The query of _features, where everything that it reads is there for the caller.
CREATE FUNCTION _readable_features(model models, definition model, users text, few boolean DEFAULT false) RETURNS text STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    connected text[] := ARRAY(SELECT p.name FROM strata._parts(model) AS p WHERE p.part = 'ledger');
    missing text;
BEGIN
    -- attributes and expressions of others would run with a superuser's rights
    IF model.owner <> strata._me() AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        PERFORM strata._belongs_to_another('model', model.name, model.owner);
    END IF;
    IF (SELECT count(*) FROM strata.model_sources AS p WHERE p.model_id = model.model_id) <> (SELECT count(*) FROM strata._parts(model)) THEN
        RAISE EXCEPTION 'the ledgers and attributes of model "%" are not all for % to read', model.name, current_user USING
            ERRCODE = 'insufficient_privilege', HINT = format('Ask %s for SELECT on them.', model.owner);
    END IF;
    SELECT n INTO missing FROM strata._names_in(definition, 'sources') AS n WHERE n <> ALL (connected) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'model "%" is not connected with a source "%"', model.name, missing USING
            ERRCODE = 'undefined_object',
            HINT = coalesce('It is connected with: ' || nullif(array_to_string(connected, ', '), '') || '.', 'It is connected with none.');
    END IF;
    RETURN strata._features(model, definition, users, few => few);
END
$$;

-- Members.

CREATE FUNCTION members(model text, as_of date DEFAULT NULL)
RETURNS TABLE (user_id text, layer text, layers text[], scores smallint[], since date, next_change date, metrics jsonb) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(members.model);
    day date := strata._day_or_last(m, members.as_of);
    definition strata.model := strata._version_of_day(m, day);
BEGIN
    IF day = m.as_of THEN
        RETURN QUERY EXECUTE format($q$
            SELECT user_id::text, layer, layers, scores, since, next_change, strata.metrics(f, $1, $2) FROM (%s) AS u
            $q$, strata._readable_features(m, definition, format('SELECT * FROM %s WHERE layer IS NOT NULL OR layers IS NOT NULL', strata._table(m, 'members'))))
        USING definition, day;
    ELSE
        RETURN QUERY EXECUTE format($q$
            SELECT user_id::text, (e).layer, (e).layers, (e).scores, NULL::date, (e).next_change, strata.metrics(f, $1, $2)
            FROM (SELECT user_id, f, strata.evaluate(f, $1, $2) AS e FROM (%s) AS u WHERE present_from <= $2 OFFSET 0) AS answered
            WHERE (e).layer IS NOT NULL OR (e).layers IS NOT NULL
            $q$, strata._readable_features(m, definition, strata._all_users(m)))
        USING definition, day;
    END IF;
END
$$;

-- Views over all models. Their rows belong to many owners, and whoever selects from them, a superuser perhaps, must not run what an owner has put
-- in the place of a table: only plain tables are read, of columns that are as they were made, without policies; and of others' tables nothing
-- that the planner would compute either, such as a function in the condition of an index.

-- Whether a table of a model is such a table, and the role that acts may read it.
CREATE FUNCTION _is_plain(model models, ending text, columns jsonb) RETURNS boolean STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = model.schema_name AND c.relname = model.name || '_' || ending
          AND c.relkind = 'r' AND NOT c.relrowsecurity AND c.relowner = model.owner
          AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
          AND NOT EXISTS (
              SELECT FROM jsonb_each_text(columns) AS wanted (name, of_type)
                   LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = wanted.name AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
              -- a key is of any type
              WHERE a.attname IS NULL OR a.atttypid <> of_type::regtype)
          AND (c.relowner = strata._me() OR NOT EXISTS (
              -- expressions of PostgreSQL's own functions alone: no OID in them is of anything that was made later
              SELECT FROM (SELECT indrelid, concat(indexprs, indpred) FROM pg_index UNION ALL SELECT stxrelid, stxexprs::text FROM pg_statistic_ext) AS x (relation, expressions),
                          regexp_matches(expressions, '\m(\d{5,10})\M', 'g') AS number
              WHERE relation = c.oid AND number[1]::bigint >= 16384))
    )
$$;

-- The members of one model, a row for each layer that they are in. Keys are printed, not cast: a cast can be anybody's.
CREATE FUNCTION _members_of(model models, definition model)
RETURNS TABLE (user_id text, layer text, layer_order integer, label_en text, label_zh text, since date) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET constraint_exclusion = partition
AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        SELECT format('%%s', m.user_id), l.layer, l.layer_order, l.label_en, l.label_zh, m.since
        FROM ONLY %s AS m%s JOIN strata._layers($1) AS l ON l.layer = %s
        $q$, strata._table(model, 'members'),
        CASE WHEN strata._is_overlapping(definition) THEN ' CROSS JOIN LATERAL unnest(m.layers) AS tag (layer)' END,
        CASE WHEN strata._is_overlapping(definition) THEN 'tag.layer' ELSE 'm.layer' END)
    USING definition;
END
$$;

-- Users by day and layer: changes are counted by day, and summed up from day to day.
CREATE FUNCTION _layer_sizes_of(model models, definition model, from_day date, to_day date)
RETURNS TABLE (day date, layer text, users bigint) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET constraint_exclusion = partition
AS $$
DECLARE
    overlapping boolean := strata._is_overlapping(definition);
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH steps AS (
            SELECT greatest(valid_from, $2) AS day, %2$s AS now_in, previous_%2$s AS was_in, count(*) AS users
            FROM ONLY %1$s WHERE valid_from <= $3 GROUP BY 1, 2, 3
        ), changes AS (
            SELECT day, layer, sum(change)::bigint AS change
            FROM (SELECT day, unnest(%3$s) AS layer, users AS change FROM steps UNION ALL SELECT day, unnest(%4$s), -users FROM steps) AS c
            WHERE layer IS NOT NULL GROUP BY day, layer
        ), layers AS (
            -- those of other versions, which users were in, come last
            SELECT layer, min(layer_order) AS layer_order
            FROM (SELECT layer, layer_order FROM strata._layers($1) UNION ALL SELECT layer, NULL FROM changes) AS l GROUP BY layer
        )
        SELECT day, layer, users
        FROM (SELECT d.day, l.layer, l.layer_order, coalesce(sum(c.change) OVER (PARTITION BY l.layer ORDER BY d.day), 0)::bigint AS users
              FROM (SELECT $2 + n FROM generate_series(0, $3 - $2) AS n) AS d (day) CROSS JOIN layers AS l LEFT JOIN changes AS c ON c.day = d.day AND c.layer = l.layer) AS s
        ORDER BY day, layer_order, layer
        $q$, strata._table(model, 'history'), CASE WHEN overlapping THEN 'layers' ELSE 'layer' END,
        CASE WHEN overlapping THEN 'now_in' ELSE 'ARRAY[now_in]' END, CASE WHEN overlapping THEN 'was_in' ELSE 'ARRAY[was_in]' END)
    USING definition, from_day, to_day;
END
$$;

-- Against a view that takes a table's place between the look and the reading, on servers that know this setting (since August 2024).
DO $$
BEGIN
    IF pg_catalog.current_setting('restrict_nonsystem_relation_kind', true) IS NOT NULL THEN
        ALTER FUNCTION strata._members_of(strata.models, strata.model) SET restrict_nonsystem_relation_kind = 'view, foreign-table';
        ALTER FUNCTION strata._layer_sizes_of(strata.models, strata.model, date, date) SET restrict_nonsystem_relation_kind = 'view, foreign-table';
    END IF;
END
$$;

CREATE FUNCTION _members_all()
RETURNS TABLE (model text, owner text, user_id text, layer text, layer_order integer, label_en text, label_zh text, since date, as_of date) STABLE ROWS 1000000 LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refreshed record;
    m strata.models;
BEGIN
    FOR refreshed IN
        SELECT x AS model, v.definition FROM strata.models AS x JOIN strata.model_versions AS v ON v.model_id = x.model_id AND v.version = x.refreshed_version
        ORDER BY x.name, x.owner::text
    LOOP
        m := refreshed.model;
        IF strata._is_plain(m, 'members', '{"user_id": null, "layer": "text", "layers": "text[]", "since": "date"}') THEN
            RETURN QUERY SELECT m.name, m.owner::text, u.user_id, u.layer, u.layer_order, u.label_en, u.label_zh, u.since, m.as_of
                         FROM strata._members_of(m, refreshed.definition) AS u;
        END IF;
    END LOOP;
END
$$;

CREATE VIEW members_all AS SELECT * FROM strata._members_all();
GRANT SELECT ON members_all TO PUBLIC;

-- The days of which a model knows who was where, among those asked for.
CREATE FUNCTION _known_days(model models, from_day date DEFAULT NULL, to_day date DEFAULT NULL, OUT first_day date, OUT last_day date) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    first_day := greatest(from_day, least(model.history_from, (SELECT r.as_of FROM strata.refreshes AS r WHERE r.model_id = model.model_id ORDER BY r.refreshed_at LIMIT 1)));
    last_day := least(to_day, model.as_of);
END
$$;

CREATE FUNCTION layer_sizes(model text, from_day date, to_day date) RETURNS TABLE (day date, layer text, users bigint) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(layer_sizes.model);
    known record;
BEGIN
    PERFORM strata._check_days(layer_sizes.from_day, layer_sizes.to_day);
    IF m.as_of IS NULL THEN
        RETURN;
    END IF;
    known := strata._known_days(m, layer_sizes.from_day, layer_sizes.to_day);
    RETURN QUERY SELECT s.day, s.layer, s.users FROM strata._layer_sizes_of(m, strata._version(m, m.refreshed_version), known.first_day, known.last_day) AS s;
END
$$;

CREATE FUNCTION _layer_sizes() RETURNS TABLE (model text, owner text, day date, layer text, users bigint) STABLE ROWS 10000 LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refreshed record;
    known record;
    m strata.models;
BEGIN
    FOR refreshed IN
        SELECT x AS model, v.definition FROM strata.models AS x JOIN strata.model_versions AS v ON v.model_id = x.model_id AND v.version = x.refreshed_version
        WHERE isfinite(x.as_of) AND isfinite(x.history_from) IS NOT FALSE ORDER BY x.name, x.owner::text
    LOOP
        m := refreshed.model;
        known := strata._known_days(m);
        IF strata._is_plain(m, 'history', '{"valid_from": "date", "layer": "text", "layers": "text[]", "previous_layer": "text", "previous_layers": "text[]"}') THEN
            RETURN QUERY SELECT m.name, m.owner::text, s.day, s.layer, s.users
                         FROM strata._layer_sizes_of(m, refreshed.definition, greatest(coalesce(known.first_day, m.as_of), least(known.last_day, strata._today(m)) - 3652),
                             least(known.last_day, strata._today(m))) AS s;
        END IF;
    END LOOP;
END
$$;

CREATE VIEW layer_sizes AS SELECT * FROM strata._layer_sizes();
GRANT SELECT ON layer_sizes TO PUBLIC;

-- Who moved.

-- Of the days between only who moved is looked at: his first step says where he was, his last where he is; all others stayed. A user's steps have
-- ascending numbers. A number and the place of the layer among all of them make one integer, whose least and greatest are found without sorting.
CREATE FUNCTION transitions(model text, from_day date, to_day date) RETURNS TABLE (from_layer text, to_layer text, users bigint, net bigint) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(transitions.model);
    names text[] := strata._layers_ever(m);
    factor bigint := cardinality(names) + 1;
BEGIN
    PERFORM strata._check_days(transitions.from_day, transitions.to_day);
    PERFORM strata._check_exclusive(m, 'nobody moves from one to another', 'strata.compare_models and strata.layer_sizes count each layer on its own.');
    RETURN QUERY EXECUTE format($q$
        WITH moved AS (
            SELECT first %% $4 AS from_place, last %% $4 AS to_place, count(*) AS users
            FROM (SELECT min(change_id * $4 + coalesce(array_position($3, previous_layer), 0)) AS first, max(change_id * $4 + coalesce(array_position($3, layer), 0)) AS last
                  FROM %1$s WHERE valid_from > $1 AND valid_from <= $2 GROUP BY user_id) AS u
            GROUP BY 1, 2
        ), steps AS (
            SELECT coalesce(array_position($3, layer), 0) AS place, coalesce(array_position($3, previous_layer), 0) AS previous_place, users
            FROM (SELECT layer, previous_layer, count(*) AS users FROM %1$s WHERE valid_from <= $1 GROUP BY 1, 2) AS s
        ), pairs AS (
            SELECT from_place, to_place, sum(users)::bigint AS users
            FROM (SELECT from_place, to_place, users FROM moved UNION ALL SELECT from_place, from_place, -users FROM moved
                  UNION ALL SELECT place, place, users FROM steps UNION ALL SELECT previous_place, previous_place, -users FROM steps) AS p
            WHERE from_place > 0 OR to_place > 0 GROUP BY 1, 2 HAVING sum(users) > 0
        )
        SELECT $3[p.from_place], $3[p.to_place], p.users, p.users - coalesce(o.users, 0)
        FROM pairs AS p LEFT JOIN pairs AS o ON o.from_place = p.to_place AND o.to_place = p.from_place
        ORDER BY nullif(p.from_place, 0), nullif(p.to_place, 0)
        $q$, strata._table(m, 'history')) USING transitions.from_day, transitions.to_day, names, factor;
END
$$;

CREATE FUNCTION moves(model text, from_day date, to_day date, from_layer text DEFAULT NULL, to_layer text DEFAULT NULL)
RETURNS TABLE (user_id text, day date, previous_layer text, layer text, cause text, version integer, jump boolean, change_id bigint) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(moves.model);
BEGIN
    PERFORM strata._check_days(moves.from_day, moves.to_day);
    PERFORM strata._check_exclusive(m, 'nobody moves from one to another', 'strata.entered and strata.left follow each layer on its own.');
    IF moves.from_layer IS NOT NULL THEN
        PERFORM strata._check_layer(m, moves.from_layer);
    END IF;
    IF moves.to_layer IS NOT NULL THEN
        PERFORM strata._check_layer(m, moves.to_layer);
    END IF;
    RETURN QUERY EXECUTE format($q$
        WITH ranks AS MATERIALIZED (
            SELECT v.version, l.layer, l.rank FROM strata.model_versions AS v, strata._layers(v.definition) AS l WHERE v.model_id = $5
        )
        SELECT h.user_id::text, h.valid_from, h.previous_layer, h.layer, h.cause, h.version, abs(t.rank - f.rank) > 1, h.change_id
        FROM %s AS h LEFT JOIN ranks AS f ON f.version = h.version AND f.layer = h.previous_layer LEFT JOIN ranks AS t ON t.version = h.version AND t.layer = h.layer
        WHERE h.valid_from > $1 AND h.valid_from <= $2%s%s ORDER BY h.change_id
        $q$, strata._table(m, 'history'),
        CASE WHEN moves.from_layer IS NOT NULL THEN ' AND h.previous_layer = $3' END, CASE WHEN moves.to_layer IS NOT NULL THEN ' AND h.layer = $4' END)
    USING moves.from_day, moves.to_day, moves.from_layer, moves.to_layer, m.model_id;
END
$$;

-- The last row of a user's history by the end of a day.
CREATE FUNCTION _history_at(model models, user_id text, day date, column_name text) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT %s FROM %s WHERE user_id = %s AND valid_from <= %L ORDER BY valid_from DESC, change_id DESC LIMIT 1',
        column_name, strata._table(model, 'history'), strata._key(model, user_id), day)
$$;

CREATE FUNCTION layer_at(model text, user_id text, day date) RETURNS text STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(layer_at.model);
    found_layer text;
BEGIN
    PERFORM strata._check_exclusive(m, 'a user can be in more than one', 'strata.layers_at names them all.');
    EXECUTE strata._history_at(m, layer_at.user_id, layer_at.day, 'layer') INTO found_layer;
    RETURN found_layer;
END
$$;

CREATE FUNCTION layers_at(model text, user_id text, day date) RETURNS text[] STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(layers_at.model);
    found_layers text[];
BEGIN
    EXECUTE strata._history_at(m, layers_at.user_id, layers_at.day,
        CASE WHEN strata._is_overlapping(strata._version(m)) THEN 'layers' ELSE 'CASE WHEN layer IS NOT NULL THEN ARRAY[layer] END' END) INTO found_layers;
    RETURN found_layers;
END
$$;

-- The rows of a model's history after a mark by which users came to be in a layer (in_now), or no longer are.
CREATE FUNCTION _crossings(model models, layer text, after_change bigint, in_now boolean)
RETURNS TABLE (user_id text, day date, other_layer text, cause text, change_id bigint) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    overlapping boolean := strata._is_overlapping(strata._version(model));
    now_in text := CASE WHEN overlapping THEN 'layers' ELSE 'layer' END;
    was_in text := 'previous_' || now_in;
BEGIN
    PERFORM strata._check_layer(model, _crossings.layer);
    RETURN QUERY EXECUTE format(
        CASE WHEN overlapping THEN 'SELECT user_id::text, valid_from, NULL, cause, change_id FROM %1$s WHERE change_id > $1 AND $2 = ANY (%2$s) AND ($2 = ANY (%3$s)) IS NOT TRUE ORDER BY change_id'
             ELSE 'SELECT user_id::text, valid_from, %3$s, cause, change_id FROM %1$s WHERE change_id > $1 AND %2$s = $2 AND %3$s IS DISTINCT FROM $2 ORDER BY change_id' END,
        strata._table(model, 'history'), CASE WHEN in_now THEN now_in ELSE was_in END, CASE WHEN in_now THEN was_in ELSE now_in END)
    USING coalesce(_crossings.after_change, 0), _crossings.layer;
END
$$;

CREATE FUNCTION entered(model text, layer text, after_change bigint DEFAULT 0)
RETURNS TABLE (user_id text, day date, from_layer text, cause text, change_id bigint) STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT c.user_id, c.day, c.other_layer, c.cause, c.change_id FROM strata._crossings(strata._model(model), layer, after_change, true) AS c $$;

CREATE FUNCTION "left"(model text, layer text, after_change bigint DEFAULT 0)
RETURNS TABLE (user_id text, day date, to_layer text, cause text, change_id bigint) STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT c.user_id, c.day, c.other_layer, c.cause, c.change_id FROM strata._crossings(strata._model(model), layer, after_change, false) AS c $$;

-- Why.

-- What a function over a user's row (of f, his model and the day) answers for one user.
CREATE FUNCTION _ask_about(model models, user_id text, day date, question text) RETURNS text STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    definition strata.model := strata._version_of_day(model, day);
    since date;
    answer text;
BEGIN
    IF user_id IS NULL THEN
        RAISE EXCEPTION 'the user is missing' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    EXECUTE format('SELECT present_from, CASE WHEN present_from <= $2 THEN %s END FROM (%s) AS u', question,
        strata._readable_features(model, definition, format('SELECT %s AS user_id', strata._key(model, user_id)), few => true))
    INTO since, answer USING definition, day;
    IF since IS NULL THEN
        RAISE EXCEPTION 'model "%" has no user "%"', model.name, user_id USING ERRCODE = 'no_data_found';
    ELSIF since > day THEN
        RAISE EXCEPTION 'model "%" has no user "%" as of %', model.name, user_id, day USING ERRCODE = 'no_data_found', HINT = format('The user is there from %s on.', since);
    END IF;
    RETURN answer;
END
$$;

CREATE FUNCTION explain(model text, user_id text, as_of date DEFAULT NULL) RETURNS jsonb STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(explain.model);
BEGIN
    RETURN strata._ask_about(m, explain.user_id, strata._day_or_last(m, explain.as_of), 'strata.explain(f, $1, $2)');
END
$$;

CREATE FUNCTION explain_text(model text, user_id text, as_of date DEFAULT NULL, lang text DEFAULT 'en') RETURNS text STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(explain_text.model);
BEGIN
    RETURN strata._ask_about(m, explain_text.user_id, strata._day_or_last(m, explain_text.as_of), format('strata.explain_text(f, $1, $2, %L)', explain_text.lang));
END
$$;

-- How it would have been.

CREATE FUNCTION replay(model text, from_day date, to_day date, step integer DEFAULT 1, definition model DEFAULT NULL)
RETURNS TABLE (day date, layer text, users bigint, share numeric, entered bigint, left_users bigint) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(replay.model);
    replayed strata.model := coalesce(replay.definition, strata._version(m));
BEGIN
    PERFORM strata._check_days(replay.from_day, replay.to_day);
    IF replay.step IS NULL OR replay.step < 1 THEN
        RAISE EXCEPTION 'step cannot be %', replay.step USING ERRCODE = 'invalid_parameter_value', HINT = 'It is a number of days, 1 or more.';
    END IF;
    -- of overlapping layers there is no whole that they are shares of
    RETURN QUERY EXECUTE format($q$
        SELECT r.day, r.layer, r.users, %s, r.entered, r.left_users
        FROM (SELECT strata.replay_agg(f, $1, $2, $3, $4, nullif(present_from, '-infinity')) AS days FROM (%s) AS u WHERE present_from <= $3) AS a,
             unnest(a.days) WITH ORDINALITY AS r (day, layer, users, entered, left_users, place)
        ORDER BY r.place
        $q$, CASE WHEN strata._is_overlapping(replayed) THEN 'NULL::numeric' ELSE 'round(r.users / nullif(sum(r.users) OVER (PARTITION BY r.day), 0), 4)' END,
        strata._readable_features(m, replayed, strata._all_users(m)))
    USING replayed, replay.from_day, replay.to_day, replay.step;
END
$$;

CREATE FUNCTION backtest(model text, day date, horizon integer, source text DEFAULT NULL)
RETURNS TABLE (layer text, users bigint, active bigint, active_share numeric, orders bigint, spend numeric, spend_per_user numeric, kept bigint, moved bigint, kept_share numeric) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m strata.models := strata._model(backtest.model);
    definition strata.model := strata._version(m);
    overlapping boolean := strata._is_overlapping(definition);
    -- the ledgers of _features that count: of all sources, or of one by its name in the model
    ledgers integer[] := ARRAY(SELECT number FROM (SELECT p.name, row_number() OVER ()::integer AS number FROM strata._parts(m) AS p WHERE p.part = 'ledger') AS n
                               WHERE backtest.source IS NULL OR n.name = backtest.source);
    latest date := (SELECT max((p.source).latest_day) FROM strata._parts(m) AS p WHERE p.part = 'ledger');
BEGIN
    PERFORM strata._check_day(backtest.day, 'day');
    IF horizon IS NULL OR horizon < 1 THEN
        RAISE EXCEPTION 'horizon cannot be %', horizon USING ERRCODE = 'invalid_parameter_value', HINT = 'It is a number of days, 1 or more.';
    END IF;
    IF backtest.source IS NOT NULL AND ledgers = '{}' THEN
        RAISE EXCEPTION 'model "%" has no source "%"', m.name, backtest.source USING ERRCODE = 'undefined_object',
            HINT = format('It has: %s.', (SELECT string_agg(p.name, ', ') FROM strata._parts(m) AS p WHERE p.part = 'ledger'));
    END IF;
    IF latest < backtest.day + horizon THEN
        RAISE NOTICE 'the horizon ends on %, after the latest event of the sources (%)', backtest.day + horizon, latest;
    END IF;
    RETURN QUERY EXECUTE format($q$
        WITH asked AS MATERIALIZED (
            SELECT %2$s AS before_in, %3$s AS after_in, orders, spend
            FROM (SELECT strata.evaluate(f, $1, $2) AS b, strata.evaluate(f, $1, $2 + $3) AS a, %4$s AS orders, %5$s AS spend FROM (%1$s) AS u WHERE present_from <= $2 OFFSET 0) AS e
        ), counted AS (
            SELECT layer, count(*) AS users, count(*) FILTER (WHERE orders > 0) AS active, sum(orders)::bigint AS orders, sum(spend) AS spend,
                   count(*) FILTER (WHERE layer = ANY (after_in)) AS kept
            FROM asked, unnest(before_in) AS layer GROUP BY layer
        )
        SELECT l.layer, coalesce(users, 0), coalesce(active, 0), round(active::numeric / users, 4), coalesce(orders, 0), coalesce(spend, 0), round(spend / users, 2),
               coalesce(kept, 0), coalesce(users - kept, 0), round(kept::numeric / users, 4)
        FROM strata._layers($1) AS l LEFT JOIN counted USING (layer) ORDER BY l.layer_order
        $q$, strata._readable_features(m, definition, strata._all_users(m)),
        CASE WHEN overlapping THEN '(b).layers' ELSE 'ARRAY[(b).layer]' END, CASE WHEN overlapping THEN '(a).layers' ELSE 'ARRAY[(a).layer]' END,
        (SELECT coalesce(string_agg(format('coalesce(strata.frequency(ledger_%s, $2 + $3, $3), 0)', n), ' + '), '0') FROM unnest(ledgers) AS n),
        (SELECT coalesce(string_agg(format('coalesce(strata.monetary(ledger_%s, $2 + $3, $3), 0)', n), ' + '), '0') FROM unnest(ledgers) AS n))
    USING definition, backtest.day, horizon;
END
$$;

-- A model, or a version of it: 'rfm', 'rfm@2'.
CREATE FUNCTION _find(wanted text, OUT model models, OUT definition model) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    version text := substring(wanted FROM '@(.*)$');
BEGIN
    IF version !~ '^[0-9]{1,9}$' THEN
        RAISE EXCEPTION '"%" is no version of a model', wanted USING ERRCODE = 'invalid_parameter_value', HINT = 'rfm@2 is the second version of model rfm, rfm the active one.';
    END IF;
    model := strata._model(split_part(wanted, '@', 1));
    definition := strata._version(model, version::integer);
END
$$;

-- The users of a model with their layers as of a day ($2), by their keys as text. Without a layer there is one row, too.
CREATE FUNCTION _layers_by_user(model models, definition model, parameter text) RETURNS text STABLE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($q$
        SELECT user_id, layer
        FROM (SELECT user_id::text AS user_id, strata.evaluate(f, %1$s, $2) AS e FROM (%2$s) AS u WHERE present_from <= $2 OFFSET 0) AS answered%3$s
        WHERE %4$s$q$, parameter, strata._readable_features(model, definition, strata._all_users(model)),
        CASE WHEN strata._is_overlapping(definition) THEN ' LEFT JOIN LATERAL unnest((e).layers) AS layer ON true' ELSE ' CROSS JOIN LATERAL (SELECT (e).layer) AS l (layer)' END,
        CASE WHEN strata._is_overlapping(definition) THEN '(e).layers IS NOT NULL' ELSE '(e).layer IS NOT NULL' END)
$$;

CREATE FUNCTION compare_models(a text, b text, as_of date DEFAULT NULL) RETURNS TABLE (layer_a text, layer_b text, users bigint) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_a record := strata._find(compare_models.a);
    of_b record := strata._find(compare_models.b);
    day date := strata._day_or_last(of_a.model, compare_models.as_of);
BEGIN
    RETURN QUERY EXECUTE format($q$
        SELECT a.layer, b.layer, count(*) FROM (%s) AS a FULL JOIN (%s) AS b ON b.user_id = a.user_id
        WHERE coalesce(a.layer, b.layer) IS NOT NULL
        GROUP BY 1, 2 ORDER BY array_position($4, a.layer), array_position($5, b.layer)
        $q$, strata._layers_by_user(of_a.model, of_a.definition, '$1'), strata._layers_by_user(of_b.model, of_b.definition, '$3'))
    USING of_a.definition, day, of_b.definition, ARRAY(SELECT l.layer FROM strata._layers(of_a.definition) AS l), ARRAY(SELECT l.layer FROM strata._layers(of_b.definition) AS l);
END
$$;

-- How models are.
CREATE FUNCTION model_status() RETURNS TABLE (
    model text, active_version integer, refreshed_version integer, as_of date, refreshed_at timestamptz, lag integer, users bigint, due bigint, waiting bigint, schedule text, report jsonb
) STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    m strata.models;
    p record;
    queued bigint;
BEGIN
    FOR m IN SELECT * FROM strata.models AS x WHERE x.owner = strata._me() ORDER BY x.name LOOP
        model := m.name;
        active_version := m.active_version;
        refreshed_version := m.refreshed_version;
        as_of := m.as_of;
        refreshed_at := m.refreshed_at;
        lag := strata._today(m) - m.as_of;
        users := m.users;
        schedule := m.schedule;
        EXECUTE format('SELECT count(*) FROM %s WHERE next_change <= %L', strata._table(m, 'members'), strata._today(m)) INTO due;
        waiting := 0;
        FOR p IN SELECT x.part, x.source AS source, coalesce(x.consumed, 0) AS consumed FROM strata._parts(m) AS x LOOP
            EXECUTE format('SELECT %s + count(*) FROM %s WHERE sync_id > %s', waiting, strata._table(p.source, 'changes'), p.consumed) INTO waiting;
            IF (p.source).capture = 'trigger' THEN
                EXECUTE format('SELECT count(*) FROM %s', strata._table(p.source, 'queue')) INTO queued;
                waiting := waiting + queued;
            END IF;
        END LOOP;
        report := (SELECT r.report FROM strata.refreshes AS r WHERE r.model_id = m.model_id ORDER BY r.refreshed_at DESC LIMIT 1);
        RETURN NEXT;
    END LOOP;
END
$$;
