"""Everything that is kept durably, as tables: the same for SQLite and PostgreSQL.

Times are milliseconds since the epoch, money is millionths of a US dollar, documents are JSON.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

_Json = sa.JSON().with_variant(JSONB(), "postgresql")
"""Has to be able to hold `None` as SQL's own null: columns that may be empty say `none_as_null`."""
_Maybe = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_Ms = sa.BigInteger

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""What there is one of: the schema's version, the sealed pepper, the digest of the admin key, the last revision."""


def _kept(name: str, *columns: sa.Column[object]) -> sa.Table:
    """Return a table of things that people make, change and remove; `revision` says when a row was last touched.

    Rows that are removed stay, as gateways learn of changes by asking for rows after the last revision they know.
    """
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        *columns,
        sa.Column("status", sa.Text, nullable=False),  # active | archived | exhausted … | removed
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False, index=True),
        sa.Column("created_ms", _Ms, nullable=False),
        sa.Column("updated_ms", _Ms, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_by", sa.Text, nullable=False),
    )


configs = _kept(
    "configs",
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("document", _Json, nullable=False),  # its secrets sealed
    sa.Column("is_default", sa.Integer, nullable=False),
)
config_versions = sa.Table(
    "config_versions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("config", sa.Text, sa.ForeignKey("configs.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("document", _Json, nullable=False),
    sa.Column("created_ms", _Ms, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.UniqueConstraint("config", "version"),
)
virtual_keys = _kept(
    "virtual_keys",
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("document", _Json, nullable=False),  # a virtual key as gateway.yaml has it, its secrets sealed
    sa.Column("usage_limits", _Maybe),
    sa.Column("rate_limits", _Maybe),
    sa.Column("expires_ms", _Ms),
)
api_keys = _kept(
    "api_keys",
    sa.Column("description", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),  # workspace-service, workspace-user, organisation-service
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("hint", sa.Text, nullable=False),  # enough to tell keys apart, too little to use one
    sa.Column("old_digest", sa.Text, unique=True),  # of the key before the last rotation
    sa.Column("old_until_ms", _Ms),
    sa.Column("user_id", sa.Text),
    sa.Column("scopes", _Json, nullable=False),
    sa.Column("defaults", _Json, nullable=False),  # config_id, metadata
    sa.Column("allow", _Json, nullable=False),  # providers, models
    sa.Column("usage_limits", _Maybe),
    sa.Column("rate_limits", _Maybe),
    sa.Column("expires_ms", _Ms),
)
for _table in (configs, virtual_keys):
    # A slug is free again once what had it is removed.
    sa.Index(
        f"{_table.name}_by_slug",
        _table.c.workspace,
        _table.c.slug,
        unique=True,
        sqlite_where=_table.c.status != "removed",
        postgresql_where=_table.c.status != "removed",
    )

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("created_ms", _Ms, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("api_key", sa.Text),  # id of a stored key, name of a declared one
    sa.Column("user", sa.Text),  # metadata._user, else the request's `user`
    sa.Column("config", sa.Text),  # id; none for inline ones
    sa.Column("config_version", sa.Text),
    sa.Column("operation", sa.Text, nullable=False),  # generate | edit | vary
    sa.Column("asked_model", sa.Text),
    sa.Column("target", sa.Text),  # path of the one that is told of
    sa.Column("provider", sa.Text),
    sa.Column("virtual_key", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("cause", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("ms", sa.Integer, nullable=False),  # from the request's head to its answer
    sa.Column("upstream_ms", sa.Integer, nullable=False),
    sa.Column("queued_ms", sa.Integer, nullable=False),
    sa.Column("cost_micros", sa.BigInteger),  # none: not known
    sa.Column("saved_micros", sa.BigInteger),  # what a hit of the cache spared
    sa.Column("images", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("maybe_billed", sa.Integer, nullable=False),
    sa.Column("rescued", sa.Integer, nullable=False),  # 1: answered although an attempt had failed
    sa.Column("cache", sa.Text, nullable=False),  # DISABLED | MISS | HIT | REFRESH
    sa.Column("size", sa.Text),
    sa.Column("prompt", sa.Text),  # as it is, `sha256:…`, or none, as the operator chose
    sa.Column("metadata", _Json, nullable=False),
    sa.Column("more", _Json, nullable=False),  # attempts with causes and timings, adaptations, pictures by reference
)
# Time first: so the admin's view of all workspaces, retention, and every chart are ranges of it. Charts read this index
# alone, a sixth of the bytes. What is in it is clipped, as PostgreSQL takes 2.7 kB at most; metadata may be longer, and
# SQLite, which reads a table with one thread, needs them here.
for _dialect, _more in (("sqlite", ("metadata",)), ("postgresql", ())):
    _charted = (
        *("created_ms", "workspace", "status", "ms", "cost_micros", "saved_micros", "images", "rescued"),
        *("maybe_billed", "cache", "user", "provider", "model", "virtual_key", "api_key", "config", *_more),
    )
    sa.Index("requests_by_time", *(requests.c[name] for name in _charted)).ddl_if(dialect=_dialect)
sa.Index("requests_by_trace", requests.c.trace_id, requests.c.workspace)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("value", sa.Integer, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("metadata", _Json, nullable=False),
    sa.Column("created_ms", _Ms, nullable=False),
    sa.Column("updated_ms", _Ms, nullable=False),
)
sa.Index(
    "feedback_by_time",
    *(feedback.c[name] for name in ("created_ms", "workspace", "value", "weight", "trace_id")),
)
sa.Index("feedback_by_trace", feedback.c.workspace, feedback.c.trace_id)

exports = sa.Table(
    "exports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("filters", _Json, nullable=False),
    sa.Column("requested", _Json, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # draft | success | stopped
    sa.Column("total", sa.Integer),
    sa.Column("created_ms", _Ms, nullable=False),
    sa.Column("updated_ms", _Ms, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("window", sa.Text, primary_key=True),
    sa.Column("spent", sa.BigInteger, nullable=False),  # millionths of a dollar, settled
    sa.Column("held", sa.BigInteger, nullable=False),  # the same, reserved by what is under way
    sa.Column("images", sa.BigInteger, nullable=False),
    sa.Column("images_held", sa.BigInteger, nullable=False),
)
reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("draws", _Json, nullable=False),
    sa.Column("ended", sa.Text),  # settled | released | maybe_billed; none while it is under way
    sa.Column("expires_ms", _Ms, nullable=False, index=True),
)

rates = sa.Table(
    "rates",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # account, kind, unit and limit
    sa.Column("part", sa.BigInteger, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", _Ms, nullable=False, index=True),
)
