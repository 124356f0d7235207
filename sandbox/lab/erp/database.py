"""The sandbox's database, as PHP uses it: one connection for each request, closed at its end."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import psycopg
from flask import current_app, g
from psycopg.rows import dict_row

from sandbox.lab.access import password_of
from sandbox.lab.erp.config import Config

Row = dict[str, Any]
_WAIT = 5  # seconds to reach the server


def config() -> Config:
    """The configuration that this application was made with."""
    settings: Config = current_app.config["LAB"]
    return settings


def database() -> psycopg.Connection[Row]:
    """This request's connection, opened when it is first asked for; each statement commits by itself.

    Raises:
        psycopg.OperationalError: the server or the database is not there.
    """
    if "database" not in g:
        at = config()
        g.database = psycopg.connect(
            host=at.host,
            port=at.port,
            dbname=at.name,
            user=at.user,
            password=password_of(at.passwords, at.user),
            sslmode="disable",
            connect_timeout=_WAIT,
            autocommit=True,
            row_factory=dict_row,
        )
    connection: psycopg.Connection[Row] = g.database
    return connection


def close(_error: BaseException | None = None) -> None:
    """Close this request's connection, if it opened one."""
    connection = g.pop("database", None)
    if connection is not None:
        connection.close()


def rows(query: bytes, *values: object) -> list[Row]:
    """All rows of a query; each is a dictionary."""
    return database().execute(query, values).fetchall()


def one(query: bytes, *values: object) -> Row | None:
    """The first row of a query, None when there is none."""
    return database().execute(query, values).fetchone()


def together() -> AbstractContextManager[object]:
    """A transaction: the statements inside all count, or none does."""
    return database().transaction()


def change(query: bytes, *values: object) -> None:
    """Run a statement that returns nothing."""
    database().execute(query, values)
