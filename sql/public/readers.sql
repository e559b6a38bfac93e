-- Questions about a model, to its owner: who is where, who moved, why, and how it would have been. Nothing is brought
-- up to date by them. What is read of members and history is as the last refresh wrote it; what is read of ledgers is
-- as they were synced last, with attributes as they are now. A model is named as `rfm`, `schema.rfm`, or with a
-- version, `rfm@2`.

CREATE FUNCTION strata.members(model text, as_of date DEFAULT NULL) RETURNS TABLE (
    user_id text,
    layer text,
    layers text[],
    scores smallint[],
    since date,
    next_change date,
    metrics jsonb
) STABLE ROWS 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'living_members';
COMMENT ON FUNCTION strata.members(text, date) IS
    'the members of a model as of its last refresh, with their metrics; as of any other day they are '
    'evaluated from the ledgers, '
    'with attributes as they are now, and since is NULL';

CREATE FUNCTION strata.transitions(model text, from_day date, to_day date) RETURNS TABLE (
    from_layer text,
    to_layer text,
    users bigint,
    net bigint
) STABLE ROWS 100 LANGUAGE c AS 'MODULE_PATHNAME', 'living_transitions';
COMMENT ON FUNCTION strata.transitions(text, date, date) IS
    'users by their layers on two days, and the net of the moves between two layers';

CREATE FUNCTION strata.layer_at(model text, user_id text, day date) RETURNS text
    STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_layer_at';
COMMENT ON FUNCTION strata.layer_at(text, text, date) IS 'the layer of a user on a day, from the history';

CREATE FUNCTION strata.entered(model text, layer text, after_change bigint DEFAULT 0) RETURNS TABLE (
    user_id text,
    day date,
    from_layer text,
    cause text,
    change_id bigint
) STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_entered';
COMMENT ON FUNCTION strata.entered(text, text, bigint) IS
    'who entered a layer after a change, which is the mark of the last poll';

CREATE FUNCTION strata.left(model text, layer text, after_change bigint DEFAULT 0) RETURNS TABLE (
    user_id text,
    day date,
    to_layer text,
    cause text,
    change_id bigint
) STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_left';
COMMENT ON FUNCTION strata.left(text, text, bigint) IS
    'who left a layer after a change, which is the mark of the last poll';

CREATE FUNCTION strata.explain(model text, user_id text, as_of date DEFAULT NULL) RETURNS jsonb
    STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_explain';
COMMENT ON FUNCTION strata.explain(text, text, date) IS
    'why a user of a registered model is in his layer, and what is missing to others';

CREATE FUNCTION strata.explain_text(
    model text, user_id text, as_of date DEFAULT NULL, lang text DEFAULT 'en'
) RETURNS text
    STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_explain_text';
COMMENT ON FUNCTION strata.explain_text(text, text, date, text) IS 'the same for people';

CREATE FUNCTION strata.replay(
    model text,
    from_day date,
    to_day date,
    step integer DEFAULT 1,
    definition strata.model DEFAULT NULL
) RETURNS TABLE (
    day date,
    layer text,
    users bigint,
    share numeric,
    entered bigint,
    left_users bigint
) STABLE LANGUAGE c AS 'MODULE_PATHNAME', 'living_replay';
COMMENT ON FUNCTION strata.replay(text, date, date, integer, strata.model) IS
    'users of every layer on the days of a grid, as a model or another definition would have had it, '
    'with attributes as they are '
    'now; writes nothing';

CREATE FUNCTION strata.backtest(model text, day date, horizon integer, source text DEFAULT NULL) RETURNS TABLE (
    layer text,
    users bigint,
    active bigint,
    active_share numeric,
    orders bigint,
    spend numeric,
    spend_per_user numeric,
    kept bigint,
    moved bigint,
    kept_share numeric
) STABLE ROWS 20 LANGUAGE c AS 'MODULE_PATHNAME', 'living_backtest';
COMMENT ON FUNCTION strata.backtest(text, date, integer, text) IS
    'what the users of every layer of a day did in the days after it: active, orders, spend, kept their layer, moved';

CREATE FUNCTION strata.compare_models(a text, b text, as_of date DEFAULT NULL) RETURNS TABLE (
    layer_a text,
    layer_b text,
    users bigint
) STABLE ROWS 100 LANGUAGE c AS 'MODULE_PATHNAME', 'living_compare_models';
COMMENT ON FUNCTION strata.compare_models(text, text, date) IS
    'users by their layers in two models, or two versions of one';
