"""Who was erased stays erased, whatever the database forgets (F35) and whatever still lies on the disk."""

import pytest
from app.fake_controller import configuration
from app.test_spool import SLOW_S, in_database, now_us
from app.test_store import entered
from sqlalchemy import create_engine, text

from py_callcenter.engine import records as r
from py_callcenter.store import Database, Store, StoreError
from py_callcenter.store.store import erase_unattended

pytestmark = [pytest.mark.app, pytest.mark.timeout(180)]

CALLER = "pseudonym-of-somebody"


def called(sequence, call, caller=CALLER):
    return r.CallOffered(
        node="fs1", epoch=1, sequence=sequence, at_us=now_us(), call=call, queue="support", caller=caller
    )


@pytest.fixture
def place(tmp_path):
    """A database with a configuration, in a file."""
    url = f"sqlite:///{tmp_path / 'cc.db'}"
    with Database.open(url) as database:
        database.seed(configuration(), now_us=5)
    return tmp_path, url


def start(place):
    folder, url = place
    store = Store.open(url, state=folder)
    store.warm_up()
    assert store.flush(SLOW_S)
    return store


def end(store):
    store.close()
    for thread in store._writer._threads:
        thread.join(20)


def callers(url):
    """Who is known as a caller, by records and by call records."""
    engine = create_engine(url)
    with engine.begin() as connection:
        found = set(connection.scalars(text("select caller from cc_calls union select caller from cc_legs")))
        texts = "".join(connection.scalars(text("select fields from cc_records")))
    engine.dispose()
    return {caller for caller in found if caller} | {c for c in (CALLER, "another") if c in texts}


def another_server_takes_over(store, file, replica):
    store.database.close()
    for beside in file.parent.glob(f"{file.name}-*"):
        beside.unlink()
    file.write_bytes(replica)


def test_a_server_that_lacks_the_erasure_takes_over(place):
    folder, url = place
    store = start(place)
    store.put([called(1, "call-1"), called(2, "call-2", "another")])
    assert store.flush(SLOW_S)
    store.database.close()
    replica = (folder / "cc.db").read_bytes()
    store.put([entered(3, "call-1", now_us())])
    assert store.erase(CALLER).result(SLOW_S).calls == 1
    assert callers(url) == {"another"}

    another_server_takes_over(store, folder / "cc.db", replica)
    assert callers(url) == {CALLER, "another"}
    store.put([entered(4, "call-2", now_us())])
    assert store.flush(SLOW_S)
    end(store)

    assert callers(url) == {"another"}
    assert sorted(in_database(url)) == [1, 2, 3, 4], "what it lacked from before the erasure is back, too"


def test_a_server_that_lacks_the_erasure_takes_over_while_no_controller_lives(place):
    folder, url = place
    store = start(place)
    store.put([called(1, "call-1")])
    assert store.flush(SLOW_S)
    store.database.close()
    replica = (folder / "cc.db").read_bytes()
    assert store.erase(CALLER).result(SLOW_S).calls == 1
    end(store)
    another_server_takes_over(store, folder / "cc.db", replica)
    assert callers(url) == {CALLER}

    end(start(place))

    assert callers(url) == set()


def test_a_server_that_lacks_an_erasure_made_while_no_controller_ran_takes_over(place):
    folder, url = place
    store = start(place)
    store.put([called(1, "call-1")])
    assert store.flush(SLOW_S)
    end(store)
    replica = (folder / "cc.db").read_bytes()
    with Database.open(url) as database:
        assert erase_unattended(database, folder, CALLER).calls == 1
    another_server_takes_over(store, folder / "cc.db", replica)
    assert callers(url) == {CALLER}

    end(start(place))

    assert callers(url) == set()


def test_after_two_copies_nothing_on_the_disk_tells_of_who_was_erased(place):
    folder, url = place
    store = start(place)
    store.put([called(1, "call-1")])
    assert store.flush(SLOW_S)
    assert store.erase(CALLER).result(SLOW_S).calls == 1
    for number in (2, 3, 4):
        store.put([entered(number, "call-2", now_us())])
        assert store.flush(SLOW_S)
        store._writer.ask(store._keep).result(SLOW_S)
    end(store)

    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if CALLER.encode() in path.read_bytes()] == []
    assert callers(url) == set()


def test_an_erasure_that_the_database_refused_is_done_at_the_next_start(place, monkeypatch):
    """Noted before it is tried, so a kill amid it is no way out either."""
    _, url = place
    store = start(place)
    store.put([called(1, "call-1")])
    assert store.flush(SLOW_S)

    def refuse(_caller):
        raise StoreError("no")

    monkeypatch.setattr(store.database, "erase", refuse)
    with pytest.raises(StoreError):
        store.erase(CALLER).result(SLOW_S)
    end(store)
    assert callers(url) == {CALLER}

    end(start(place))

    assert callers(url) == set()


def test_a_torn_note_of_erasures_stops_nothing_and_is_told(place, capsys):
    folder, _ = place
    (folder / "forgotten.json").write_text('[["half')

    end(start(place))

    assert "erase them once more" in capsys.readouterr().out
