"""Rows and transactions. SQLAlchemy and the database drivers stay in here (ADR 0002).

Repositories are written once, as plain synchronous SQLAlchemy Core on a connection. On SQLite they run in a thread,
on PostgreSQL inside `AsyncConnection.run_sync`; neither they nor the services know which.
"""
