-- Recency, frequency and monetary: cut points, scores, segments and groups.

CREATE TYPE strata.rfm_cuts (
    INPUT = strata_internal.rfm_cuts_in,
    OUTPUT = strata_internal.rfm_cuts_out,
    RECEIVE = strata_internal.rfm_cuts_recv,
    SEND = strata_internal.rfm_cuts_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE strata.rfm_cuts IS 'the exact cut points of recency, frequency and monetary over the same users';

CREATE TYPE strata.rfm_scores AS (r smallint, f smallint, m smallint);
COMMENT ON TYPE strata.rfm_scores IS 'the scores of one user: r, f and m, from 1 to bins, bins being best';

CREATE AGGREGATE strata.rfm_cuts_agg(recency integer, frequency bigint, monetary numeric) (
    SFUNC = strata_internal.rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.rfm_cuts_agg_final, COMBINEFUNC = strata_internal.rfm_cuts_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rfm_cuts_agg(integer, bigint, numeric) IS
    'cut points of recency, frequency and monetary over a set of users';
CREATE AGGREGATE strata.rfm_cuts_agg(recency integer, frequency bigint, monetary numeric, bins integer) (
    SFUNC = strata_internal.rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.rfm_cuts_agg_final, COMBINEFUNC = strata_internal.rfm_cuts_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rfm_cuts_agg(integer, bigint, numeric, integer) IS
    'cut points of recency, frequency and monetary over a set of users';
CREATE AGGREGATE strata.rfm_cuts_agg(recency integer, frequency bigint, monetary numeric, bins integer, ties text) (
    SFUNC = strata_internal.rfm_cuts_agg_transition, STYPE = bytea, SSPACE = 1024,
    FINALFUNC = strata_internal.rfm_cuts_agg_final, COMBINEFUNC = strata_internal.rfm_cuts_agg_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE strata.rfm_cuts_agg(integer, bigint, numeric, integer, text) IS
    'cut points of recency, frequency and monetary over a set of users';

CREATE FUNCTION strata.rfm_score(
    recency integer,
    frequency bigint,
    monetary numeric,
    cuts strata.rfm_cuts
) RETURNS strata.rfm_scores IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_score';
COMMENT ON FUNCTION strata.rfm_score(integer, bigint, numeric, strata.rfm_cuts) IS 'scores of a user by cut points';
CREATE FUNCTION strata.rfm_code(scores strata.rfm_scores) RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_code_wrapper';
COMMENT ON FUNCTION strata.rfm_code(strata.rfm_scores) IS 'scores as text, such as 555';
CREATE FUNCTION strata.rfm_segment(
    scores strata.rfm_scores,
    scheme text DEFAULT 'eleven',
    lang text DEFAULT 'en'
) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_segment_wrapper';
COMMENT ON FUNCTION strata.rfm_segment(strata.rfm_scores, text, text) IS
    'segment of a user by a scheme of scores: eleven or ten segments';
CREATE FUNCTION strata.rfm_group(
    recency integer,
    frequency bigint,
    monetary numeric,
    cuts strata.rfm_cuts,
    split text DEFAULT 'score_mean',
    lang text DEFAULT 'en',
    fixed numeric[] DEFAULT NULL
) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'rfm_group_wrapper';
COMMENT ON FUNCTION strata.rfm_group(integer, bigint, numeric, strata.rfm_cuts, text, text, numeric[]) IS
    'group of a user among the eight of high and low recency, frequency and monetary';
