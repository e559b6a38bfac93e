-- Registries from one version to the next.

CREATE FUNCTION strata.upgrade(schema name) RETURNS text
    LANGUAGE c AS 'MODULE_PATHNAME', 'living_upgrade';
COMMENT ON FUNCTION strata.upgrade(name) IS
    'brings the sources and models of a schema, and its views, up to the layout of the installed version';
