-- Registered models: over sources, attributes and users, in the schema of their owner. A model called rfm has the
-- tables rfm_members (where everyone is) and rfm_history (every change, append only), and the view rfm_periods.

-- attributes and users are a relation's name or one plain SELECT.
CREATE FUNCTION strata.create_model(
    name text,
    definition strata.model,
    sources jsonb DEFAULT NULL,
    attributes text DEFAULT NULL,
    users text DEFAULT NULL,
    schema name DEFAULT NULL,
    time_zone text DEFAULT NULL,
    history_from date DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    capture text DEFAULT 'auto'
) RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'living_create_model';
COMMENT ON FUNCTION strata.create_model(text, strata.model, jsonb, text, text, name, text, date, text, text) IS
    'Registers a model over sources, attributes and users; its tables stand in the schema';

-- What is NULL stays as it is.
CREATE FUNCTION strata.alter_model(
    name text,
    definition strata.model DEFAULT NULL,
    sources jsonb DEFAULT NULL,
    activate boolean DEFAULT true,
    attributes text DEFAULT NULL,
    users text DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    capture text DEFAULT NULL
) RETURNS integer LANGUAGE c AS 'MODULE_PATHNAME', 'living_alter_model';
COMMENT ON FUNCTION strata.alter_model(text, strata.model, jsonb, boolean, text, text, text, text) IS
    'Gives a registered model another definition, or other sources, attributes or users; the number of the version';

CREATE FUNCTION strata.calibrate(
    model text,
    as_of date DEFAULT NULL,
    activate boolean DEFAULT true,
    exclude daterange[] DEFAULT NULL,
    version integer DEFAULT NULL
) RETURNS integer LANGUAGE c AS 'MODULE_PATHNAME', 'living_calibrate';
COMMENT ON FUNCTION strata.calibrate(text, date, boolean, daterange[], integer) IS
    'Makes new cuts for a registered model; the number of the new version';

CREATE FUNCTION strata.activate(model text, version integer) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'living_activate';
COMMENT ON FUNCTION strata.activate(text, integer) IS 'Chooses the version that a registered model is refreshed by';

CREATE FUNCTION strata.drop_model(model text) RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'living_drop_model';
COMMENT ON FUNCTION strata.drop_model(text) IS
    'Drops a registered model with its members and history; what does not bear its mark is left';
