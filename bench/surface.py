"""What the versions of the extension call differently, as far as the benchmark has to say it."""

from dataclasses import dataclass

from harness import SCHEMA


@dataclass(frozen=True)
class Surface:
    """Where a version keeps its registry: queries of what the benchmark looks up in it."""

    models: str  # the names of models
    sources: str  # the names of sources of events
    definition: str  # the active definition of the model {name}
    registry: str  # a table that is there as soon as anything is registered


# 0.1.0 has one registry for the database.
FIRST = Surface(
    models="SELECT name FROM strata.models",
    sources="SELECT name FROM strata.sources WHERE kind = 'events'",
    definition="SELECT v.definition FROM strata.model_versions AS v JOIN strata.models AS m ON v.model_id = m.model_id"
    " AND v.version = m.active_version WHERE m.name = '{name}'",
    registry="strata.models",
)

# Since 0.2.0 the registry stands beside the owner's tables.
PRESENT = Surface(
    models=f"SELECT name FROM {SCHEMA}.strata_models",
    sources=f"SELECT name FROM {SCHEMA}.strata_sources WHERE kind = 'events'",
    definition=f"SELECT v.definition FROM {SCHEMA}.strata_versions AS v JOIN {SCHEMA}.strata_models AS m ON v.model = m.name"
    " AND v.version = m.active_version WHERE m.name = '{name}'",
    registry=f"{SCHEMA}.strata_models",
)


def surface_of(server):
    version = server.value("SELECT extversion FROM pg_extension WHERE extname = 'pg_strata'")
    return FIRST if version == "0.1.0" else PRESENT
