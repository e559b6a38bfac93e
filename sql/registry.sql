-- What is registered: sources of events and users, models and their versions, refreshes. Everyone sees and changes his own
-- rows; who may read a model's members or a source's ledgers sees its row. Functions that begin with _ are parts of others.

-- The role that acts, as rows keep their owner. A role that is renamed stays the same.
CREATE FUNCTION _me() RETURNS regrole STABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS 'SELECT pg_catalog.quote_ident(current_user)::pg_catalog.regrole';

-- Whether the role that acts may read a table, of an owner where one is named: false where there is none.
CREATE FUNCTION _may_read(owner regrole, schema_name name, table_name text) RETURNS boolean STABLE PARALLEL SAFE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = schema_name AND c.relname = table_name AND c.relowner = coalesce(owner, c.relowner)
          AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    )
$$;

-- A number that nobody else has. It is no sequence's: who dumps and restores his own rows has no right to set one.
CREATE FUNCTION _new_id() RETURNS bigint VOLATILE LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT abs(hashtextextended(gen_random_uuid()::text, 0) / 2) $$;

CREATE TABLE sources (
    source_id bigint PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    owner regrole NOT NULL DEFAULT _me(),
    -- events have ledgers; of users only the changes are kept
    kind text NOT NULL CHECK (kind IN ('events', 'users')),
    schema_name name NOT NULL,
    relation_schema name NOT NULL,
    relation_name name NOT NULL,
    key_type text NOT NULL,
    user_expression text NOT NULL,
    time_expression text CHECK ((time_expression IS NOT NULL) = (kind = 'events')),
    amount_expression text,
    where_clause text,
    time_zone text,
    capture text NOT NULL CHECK (capture IN ('trigger', 'column', 'none')),
    capture_reason text NOT NULL,
    -- the columns that expressions use, which the queue keeps
    columns name[] NOT NULL,
    mark_column name CHECK ((mark_column IS NOT NULL) = (capture = 'column')),
    margin text,
    mark text,
    -- the relation and what inherits from it, as they were when all rows were counted
    relations text[] NOT NULL,
    -- users by their aliases: another source, of users
    map_id bigint,
    map_expression text CHECK ((map_expression IS NOT NULL) = (map_id IS NOT NULL)),
    -- the number of the last sync
    sync_id bigint NOT NULL DEFAULT 0,
    synced_at timestamptz,
    -- users whose ledgers it changed
    changed bigint,
    latest_day date,
    -- rows without a user
    guests bigint NOT NULL DEFAULT 0,
    UNIQUE (owner, name)
);

CREATE TABLE models (
    model_id bigint PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    owner regrole NOT NULL DEFAULT _me(),
    schema_name name NOT NULL,
    key_type text NOT NULL,
    time_zone text NOT NULL,
    history_from date,
    -- the version to use, and the one that the members were last made by
    active_version integer NOT NULL,
    refreshed_version integer,
    as_of date,
    refreshed_at timestamptz,
    -- in a layer
    users bigint NOT NULL DEFAULT 0,
    schedule text,
    CHECK ((as_of IS NULL) = (refreshed_version IS NULL)),
    UNIQUE (owner, name)
);

CREATE TABLE model_versions (
    model_id bigint NOT NULL REFERENCES models ON DELETE CASCADE,
    version integer NOT NULL CHECK (version > 0),
    definition model NOT NULL,
    cause text NOT NULL CHECK (cause IN ('definition', 'calibration')),
    calibrated_as_of date,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model_id, version)
);

CREATE TABLE model_sources (
    model_id bigint NOT NULL REFERENCES models ON DELETE CASCADE,
    source_id bigint NOT NULL REFERENCES sources,
    -- ledgers of events by the name that they have in the model; attributes; the registered users
    part text NOT NULL CHECK (part IN ('ledger', 'attributes', 'users')),
    name text NOT NULL,
    -- the source's last sync that the members know of
    consumed bigint,
    PRIMARY KEY (model_id, part, name)
);
CREATE INDEX ON model_sources (source_id);

CREATE TABLE refreshes (
    model_id bigint NOT NULL REFERENCES models ON DELETE CASCADE,
    as_of date NOT NULL,
    refreshed_at timestamptz NOT NULL,
    report jsonb NOT NULL,
    PRIMARY KEY (model_id, refreshed_at)
);

-- In PL/pgSQL, since the table's own policy asks it.
CREATE FUNCTION _owns_source(wanted bigint) RETURNS boolean STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM strata.sources AS s WHERE s.source_id = wanted AND s.owner = strata._me());
END
$$;

ALTER TABLE sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE models ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE refreshes ENABLE ROW LEVEL SECURITY;

-- foreign keys do not ask whose row it is that they refer to: what others own cannot be held on to
CREATE POLICY own ON sources USING (owner = strata._me())
    WITH CHECK (owner = strata._me() AND (map_id IS NULL OR strata._owns_source(map_id)));
-- users belong to a model: who may read both
CREATE POLICY readable ON sources FOR SELECT USING (
    CASE kind WHEN 'events' THEN strata._may_read(owner, schema_name, name || '_ledger')
    ELSE strata._may_read(NULL, relation_schema, relation_name)
         AND EXISTS (SELECT FROM strata.model_sources AS x WHERE x.source_id = sources.source_id) END);
CREATE POLICY own ON models USING (owner = strata._me());
CREATE POLICY readable ON models FOR SELECT USING (strata._may_read(owner, schema_name, name || '_members'));
-- of a model that is to be seen; the owner alone writes
CREATE POLICY own ON model_versions
    USING (EXISTS (SELECT FROM strata.models AS m WHERE m.model_id = model_versions.model_id AND m.owner = strata._me()));
CREATE POLICY readable ON model_versions FOR SELECT
    USING (EXISTS (SELECT FROM strata.models AS m WHERE m.model_id = model_versions.model_id));
CREATE POLICY own ON model_sources
    USING (EXISTS (SELECT FROM strata.models AS m WHERE m.model_id = model_sources.model_id AND m.owner = strata._me()))
    WITH CHECK (EXISTS (SELECT FROM strata.models AS m WHERE m.model_id = model_sources.model_id AND m.owner = strata._me())
                AND strata._owns_source(source_id));
CREATE POLICY readable ON model_sources FOR SELECT
    USING (EXISTS (SELECT FROM strata.models AS m WHERE m.model_id = model_sources.model_id));
CREATE POLICY own ON refreshes
    USING (EXISTS (SELECT FROM strata.models AS m WHERE m.model_id = refreshes.model_id AND m.owner = strata._me()));
CREATE POLICY readable ON refreshes FOR SELECT
    USING (EXISTS (SELECT FROM strata.models AS m WHERE m.model_id = refreshes.model_id));

GRANT SELECT, INSERT, UPDATE, DELETE ON sources, models, model_versions, model_sources, refreshes TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('sources', '');
SELECT pg_catalog.pg_extension_config_dump('models', '');
SELECT pg_catalog.pg_extension_config_dump('model_versions', '');
SELECT pg_catalog.pg_extension_config_dump('model_sources', '');
SELECT pg_catalog.pg_extension_config_dump('refreshes', '');

-- Looking rows up by name.

CREATE FUNCTION _unknown(what text, name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    others text;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'the name of a % is missing', what USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF what = 'model' THEN
        SELECT string_agg(quote_ident(m.name), ', ' ORDER BY m.name) INTO others FROM strata.models AS m;
    ELSE
        SELECT string_agg(quote_ident(s.name), ', ' ORDER BY s.name) INTO others FROM strata.sources AS s WHERE s.kind = 'events';
    END IF;
    RAISE EXCEPTION '% "%" does not exist', what, name USING
        ERRCODE = 'undefined_object',
        HINT = coalesce('There is: ' || others || '.',
            CASE what WHEN 'model' THEN 'Create it: SELECT strata.create_model(''rfm'', strata.preset(''rfm_eleven''));'
            ELSE 'Add it: SELECT * FROM strata.add_source(''orders'', ''shop.orders'', ''customer_id'', ''ordered_at'', ''amount'');' END);
END
$$;

-- The source of that name, to be changed: locked until the transaction ends. Only its owner, whose rights the expressions in
-- it run with.
CREATE FUNCTION _own_source(source text) RETURNS sources LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_source strata.sources;
BEGIN
    SELECT * INTO found_source FROM strata.sources AS s WHERE s.name = source AND s.owner = strata._me() FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM strata._belongs_to_another('source', source, s.owner) FROM strata.sources AS s WHERE s.name = source;
        PERFORM strata._unknown('source', source);
    END IF;
    RETURN found_source;
END
$$;

CREATE FUNCTION _own_model(model text) RETURNS models LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_model strata.models;
BEGIN
    SELECT * INTO found_model FROM strata.models AS m WHERE m.name = model AND m.owner = strata._me() FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM strata._belongs_to_another('model', model, m.owner) FROM strata.models AS m WHERE m.name = model;
        PERFORM strata._unknown('model', model);
    END IF;
    RETURN found_model;
END
$$;

CREATE FUNCTION _belongs_to_another(what text, name text, owner regrole) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% "%" belongs to %', what, name, owner USING
        ERRCODE = 'insufficient_privilege', HINT = format('SET ROLE %s;', owner);
END
$$;

-- The model of that name, to be read: the caller's own, or the only one that he may read.
CREATE FUNCTION _model(model text) RETURNS models STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_models strata.models[];
BEGIN
    SELECT array_agg(m ORDER BY m.owner <> strata._me()) INTO found_models FROM strata.models AS m WHERE m.name = model;
    IF found_models IS NULL THEN
        PERFORM strata._unknown('model', model);
    END IF;
    IF found_models[1].owner <> strata._me() AND cardinality(found_models) > 1 THEN
        RAISE EXCEPTION 'there are % models "%"', cardinality(found_models), model USING
            ERRCODE = 'ambiguous_alias',
            HINT = format('SET ROLE to the owner of one: %s.', (SELECT string_agg(m.owner::text, ', ' ORDER BY m.owner::text) FROM unnest(found_models) AS m));
    END IF;
    RETURN found_models[1];
END
$$;

-- A version of a model: 'rfm' is the active one, 'rfm@2' the second.
CREATE FUNCTION _version(model models, version integer DEFAULT NULL) RETURNS model STABLE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_definition strata.model;
BEGIN
    SELECT v.definition INTO found_definition
    FROM strata.model_versions AS v WHERE v.model_id = model.model_id AND v.version = coalesce(_version.version, model.active_version);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'model "%" has no version %', model.name, version USING
            ERRCODE = 'undefined_object',
            HINT = format('It has: %s.', (SELECT string_agg(v.version::text, ', ' ORDER BY v.version) FROM strata.model_versions AS v WHERE v.model_id = model.model_id));
    END IF;
    RETURN found_definition;
END
$$;

-- Names of tables are made of the name of a source or a model and an ending.
CREATE FUNCTION _check_name(what text, name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most integer := CASE what WHEN 'model' THEN 44 ELSE 47 END;
BEGIN
    IF name IS NULL OR name = '' THEN
        RAISE EXCEPTION 'a % needs a name', what USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(name) > most THEN
        RAISE EXCEPTION 'the name "%" of a % has % bytes, at most % are possible', name, what, octet_length(name), most USING
            ERRCODE = 'name_too_long', HINT = 'Its tables are called by it, as in orders_ledger.';
    ELSIF what = 'model' AND strpos(name, '@') > 0 THEN
        RAISE EXCEPTION 'the name "%" of a model has an @ in it', name USING
            ERRCODE = 'invalid_name', HINT = 'model@2 is the second version of a model.';
    END IF;
END
$$;
