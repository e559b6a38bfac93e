//! Living layers: sources, registered models, refreshes. All of it is SQL over the pure functions; here its files are put in order.

::pgrx::extension_sql_file!("../sql/registry.sql", name = "registry", requires = ["lookalike"]);
::pgrx::extension_sql_file!("../sql/capture.sql", name = "capture", requires = ["registry"]);
::pgrx::extension_sql_file!("../sql/follow.sql", name = "follow", requires = ["capture"]);
::pgrx::extension_sql_file!("../sql/sources.sql", name = "sources", requires = ["follow"]);
::pgrx::extension_sql_file!("../sql/living_models.sql", name = "living_models", requires = ["sources"]);
::pgrx::extension_sql_file!("../sql/refresh.sql", name = "refresh", requires = ["living_models"]);
::pgrx::extension_sql_file!("../sql/readers.sql", name = "readers", requires = ["refresh"]);
::pgrx::extension_sql_file!("../sql/schedule.sql", name = "schedule", requires = ["readers"]);
