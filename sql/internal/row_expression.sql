-- Expressions that users give for one row of a relation.

CREATE FUNCTION strata_internal.row_expression(relation regclass, expression text, what text DEFAULT 'expression')
RETURNS TABLE (canonical text, expression_type regtype, columns text[])
STABLE STRICT PARALLEL RESTRICTED ROWS 1 COST 1000 LANGUAGE c AS 'MODULE_PATHNAME', 'row_expression';
COMMENT ON FUNCTION strata_internal.row_expression(regclass, text, text) IS
    'an expression for one row of a relation, checked: its text in canonical form, its type and its columns';
