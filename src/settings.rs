//! Settings of a session that are the extension's own.

use std::ffi::CString;

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};

static SCHEMA: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static LANG: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

/// Makes them known to the server. They are read by their names, where they are of use.
pub fn define() {
    GucRegistry::define_string_guc(
        c"strata.schema",
        c"The schema in which sources and models have their tables.",
        c"Where it is empty, the first schema on the search path.",
        &SCHEMA,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"strata.lang",
        c"The language of labels and explanations: en or zh.",
        c"Where it is empty, en.",
        &LANG,
        GucContext::Userset,
        GucFlags::default(),
    );
}
