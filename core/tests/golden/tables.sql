CREATE TABLE analytics.care_members (
    user_id bigint NOT NULL,
    layer text,
    layers text[],
    scores smallint[],
    since date NOT NULL,
    next_change date
) USING heap WITH (fillfactor = 80);
-- where the users of model care are, as of its last refresh. NULL: counted, but in no layer.
CREATE TABLE analytics.care_history (
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    valid_from date NOT NULL,
    layer text,
    layers text[],
    previous_layer text,
    previous_layers text[],
    cause text NOT NULL CHECK (cause IN ('event', 'clock', 'attribute', 'calibration', 'definition', 'merge', 'backfill')),
    version integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
) USING heap;
-- every change of layer of a user of model care, append only. NULL: left.
CREATE VIEW analytics.care_periods AS
SELECT user_id, layer, layers, period, lower(period) AS valid_from, upper(period) AS valid_to, cause, version, recorded_at, change_id
FROM (SELECT *, daterange(valid_from, lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, change_id)) AS period
      FROM analytics.care_history) AS h
WHERE NOT isempty(period) AND (layer IS NOT NULL OR layers IS NOT NULL);
-- who was when in which layer of model care; valid_to is the first day on which he was not.
