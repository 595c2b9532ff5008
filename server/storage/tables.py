"""The tables. Times are milliseconds since the epoch (UTC); ids are text; counters never go back.

Changes go through a migration (`storage/migrations`); a test compares both.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("search_name", Text, nullable=False),
    Column("name_is_put", Boolean, nullable=False, server_default=false()),
    Column("avatar_url", Text),
    Column("locale", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger),
    Column("notification_rev", BigInteger, nullable=False, server_default=text("0")),
    # What the person chose, beside `locale`.
    Column("sound", Boolean, nullable=False, server_default=true()),
    Column("push_messages", Boolean, nullable=False, server_default=true()),
    Column("push_notifications", Text, nullable=False, server_default="all"),
    Column("push_preview", Boolean, nullable=False, server_default=true()),
    Index("ix_users_search_name", "search_name", "id"),
)

threads = Table(
    "threads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("title", Text),
    Column("subject_type", Text),
    Column("subject_id", Text),
    Column("subject_title", Text),
    Column("subject_url", Text),
    Column("subject_image_url", Text),
    # Two people have one direct thread about one subject: the key is made of all three.
    Column("direct_key", Text, unique=True),
    Column("created_by", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("activity_at", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("rev", BigInteger, nullable=False),
    # The rev of the last change to the thread itself: title, subject, who is in it.
    Column("info_rev", BigInteger, nullable=False),
    Column("participant_count", Integer, nullable=False),
)

participants = Table(
    "participants",
    metadata,
    Column("thread_id", Text, ForeignKey("threads.id"), nullable=False),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("joined_at", BigInteger, nullable=False),
    Column("read_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("read_at", BigInteger),
    Column("delivered_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("delivered_at", BigInteger),
    Column("own_since_read", BigInteger, nullable=False, server_default=text("0")),
    Column("rev", BigInteger, nullable=False),
    # The revs at which either receipt was last told; `rev` is the higher one. Zero: before these columns were.
    Column("read_rev", BigInteger, nullable=False, server_default=text("0")),
    Column("delivered_rev", BigInteger, nullable=False, server_default=text("0")),
    # A receipt that is stored but has no rev yet, since receipts are told once a second at most.
    Column("read_untold", Boolean, nullable=False, server_default=false()),
    Column("delivered_untold", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("thread_id", "user_id", name="pk_participants"),
    Index("ix_participants_user_id", "user_id", "thread_id"),
    Index("ix_participants_rev", "thread_id", "rev"),
    Index(
        "ix_participants_untold",
        "thread_id",
        sqlite_where=text("read_untold OR delivered_untold"),
        postgresql_where=text("read_untold OR delivered_untold"),
    ),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("thread_id", Text, ForeignKey("threads.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sender_id", Text),
    Column("content", Text, nullable=False),
    Column("client_message_id", Text),
    Column("sent_at", BigInteger, nullable=False),
    UniqueConstraint("thread_id", "seq"),
)
Index(
    "uq_messages_client_message_id",
    messages.c.thread_id,
    func.coalesce(messages.c.sender_id, ""),
    messages.c.client_message_id,
    unique=True,
    sqlite_where=messages.c.client_message_id.is_not(None),
    postgresql_where=messages.c.client_message_id.is_not(None),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("action_url", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("read_at", BigInteger),
    Column("cleared_at", BigInteger),
    # Its first rev. Zero: before this column was.
    Column("created_rev", BigInteger, nullable=False, server_default=text("0")),
    Index("ix_notifications_user_id", "user_id", "id"),
    Index("ix_notifications_rev", "user_id", "rev"),
    Index(
        "ix_notifications_unread",
        "user_id",
        sqlite_where=text("read_at IS NULL AND cleared_at IS NULL"),
        postgresql_where=text("read_at IS NULL AND cleared_at IS NULL"),
    ),
)

push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    # A browser has one endpoint, whoever is signed in there.
    Column("endpoint", Text, nullable=False, unique=True),
    Column("p256dh", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("name", Text),
    Column("created_at", BigInteger, nullable=False),
    # Clients subscribe again whenever they start: those that did so least lately give way to new ones.
    Column("renewed_at", BigInteger, nullable=False),
    Index("ix_push_subscriptions_user_id", "user_id"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("issued_before", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "value", name="pk_revocations"),
    Index("ix_revocations_created_at", "created_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("key", Text, nullable=False),
    # Null while the first request is still under way.
    Column("answer", Text),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("actor", "path", "key", name="pk_idempotency_keys"),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

# Who is connected to which process, where there is no Redis to say it in. On PostgreSQL these are not logged: they are
# empty after a crash of it, and processes then say again what they know.
presence_processes = Table(
    "presence_processes",
    metadata,
    Column("id", Text, primary_key=True),
    # By the database's clock: until then the process is believed to be alive.
    Column("alive_until", BigInteger, nullable=False),
)

presence_states = Table(
    "presence_states",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("process_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("user_id", "process_id", name="pk_presence_states"),
    Index("ix_presence_states_process_id", "process_id"),
)

presence_seen = Table(
    "presence_seen",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
    Index("ix_presence_seen_seen_at", "seen_at"),
)
