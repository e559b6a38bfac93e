-- The models that come with the extension.

CREATE FUNCTION strata.presets()
RETURNS TABLE (
    preset text,
    label_en text,
    label_zh text,
    about_en text,
    about_zh text,
    mode text,
    sources text[],
    attributes jsonb,
    parameters jsonb,
    needs_calibration boolean
) IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'presets_wrapper';
COMMENT ON FUNCTION strata.presets() IS 'the models that come with the extension, with what each needs';
CREATE FUNCTION strata.preset(name text, parameters jsonb DEFAULT '{}') RETURNS strata.model
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'preset_wrapper';
COMMENT ON FUNCTION strata.preset(text, jsonb) IS
    'a model that comes with the extension, with other values of its parameters where these are given';
CREATE FUNCTION strata.set_parameters(model strata.model, parameters jsonb) RETURNS strata.model
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'set_parameters_wrapper';
COMMENT ON FUNCTION strata.set_parameters(strata.model, jsonb) IS 'the same model with other values of its parameters';
