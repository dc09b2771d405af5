"""The PostgreSQL of the tests starts, keeps databases apart, comes back with its data, and is gone afterwards."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from tests.servers.postgres import _SETTINGS, Cluster, cluster, or_skip, server

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("postgres")]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with or_skip(cluster()) as running:
        yield running


def ask(url: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(question.encode()).fetchall()


def change(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def test_each_database_is_its_own_and_ends_with_its_use(postgres: Cluster) -> None:
    with postgres.database() as one, postgres.database() as other:
        change(one, "CREATE TABLE things (id int)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            ask(other, "SELECT * FROM things")
        assert ask(one, "SHOW server_encoding") == [("UTF8",)]
    with pytest.raises(psycopg.OperationalError):
        ask(one, "SELECT 1")


def test_a_database_that_is_still_in_use_ends_all_the_same(postgres: Cluster) -> None:
    with postgres.database() as url:
        connection = psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        connection.execute(b"SELECT 1")
    connection.close()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_can_go_away_and_come_back_with_its_data(postgres: Cluster, how: str) -> None:
    with postgres.database() as url:
        change(url, "CREATE TABLE things AS SELECT 7 AS id")
        getattr(postgres, how)()
        with pytest.raises(psycopg.OperationalError):
            ask(url, "SELECT 1")
        postgres.start()
        assert ask(url, "SELECT id FROM things") == [(7,)]


def test_nobody_gets_in_without_the_password(postgres: Cluster) -> None:
    before, _, after = postgres.url.partition("@")
    with pytest.raises(psycopg.OperationalError):
        ask(f"{before.rpartition(':')[0]}:wrong@{after}", "SELECT 1")


@pytest.mark.parametrize(("durable", "expected"), [(False, "off"), (True, "on")])
def test_only_measurements_wait_for_the_disk(durable: bool, expected: str) -> None:
    with cluster(durable=durable) as made:
        assert ask(made.url, "SHOW fsync") == [(expected,)]
        folder, pid = made.folder, made.pid
    assert not folder.exists()
    assert subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 1


def test_a_running_one_is_used_where_it_is_named(postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGCHECK_TEST_POSTGRES_URL", postgres.url)
    with server() as found:
        assert not isinstance(found, Cluster)
        with found.database() as url:
            assert ask(url, "SELECT 1") == [(1,)]
    assert ask(postgres.url, "SELECT 1") == [(1,)]


@pytest.mark.usefixtures("postgres")
def test_a_cluster_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_SETTINGS, "shared_buffers", "nonsense")
    with pytest.raises(RuntimeError, match="shared_buffers"), cluster():
        pass
