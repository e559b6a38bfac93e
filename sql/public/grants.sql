-- Who may read a model: its tables, and the views of its schema. Everything else about it is its owner's alone.

CREATE FUNCTION strata.grant_read(model text, role name, reasons boolean DEFAULT false) RETURNS TABLE (
    privilege text,
    granted_to text
) ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'living_grant_read';
COMMENT ON FUNCTION strata.grant_read(text, name, boolean) IS
    'lets a role read a model: members, history, periods and the views of the schema; with reasons the '
    'ledgers and attributes, '
    'too. Answers what was granted. ''public'' is everybody';

CREATE FUNCTION strata.revoke_read(model text, role name) RETURNS TABLE (
    privilege text,
    taken_from text
) ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'living_revoke_read';
COMMENT ON FUNCTION strata.revoke_read(text, name) IS
    'takes the rights to read a model from a role, but for what its other models of the schema leave to '
    'it. Answers what was taken';
