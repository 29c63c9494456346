"""Agents for passphrases on a real bus: who is asked, by whom, and what happens if one is broken or gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dbus_fast import MessageType

from cscd.daemon.dbus.agents import MOST_EACH
from cscd.daemon.encrypt.calls import Asked, Caller
from cscd.daemon.encrypt.codes import Code
from tests.daemon.callers import ENCRYPT, SILENCE, Client, client
from tests.daemon.encrypting import Call, Served, served

INTERACTIVE = 0x800
CONSOLE = 0x1800


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """Serve with little patience for dialogs, and a core that asks for a passphrase whatever is called."""
    with served(tmp_path, longest_dialog=1.0) as server:
        server.core.work = lambda call: asking(server, call)
        yield server


@pytest.fixture
def caller(server: Served) -> Iterator[Client]:
    """Be a client of it."""
    with client(server.bus.address) as caller:
        yield caller


async def asking(server: Served, call: Call) -> Code:
    """Have the passphrase asked for, and say what came of it as a code."""
    asked = await server.service.unlock(call.caller, console=call.bits == CONSOLE)
    return {
        Asked.ANSWERED: Code.SUCCESS,
        Asked.DISMISSED: Code.CANCELLED,
        Asked.NOBODY: Code.NOT_AUTHENTICATED,
    }[asked]


def registered(agent: Client, answer: object) -> None:
    """Have a client be an agent that answers Unlock so."""
    path = agent.sink(lambda member, _: answer if member == "Unlock" else None)
    agent.value("RegisterPassphraseAgent", "o", path)


def test_the_callers_own_agent_is_asked(server: Served, caller: Client) -> None:
    """Whether on the terminal is passed on; by the service's own connection."""
    registered(caller, 0)
    assert caller.value("Encrypt", "bu", ENCRYPT, INTERACTIVE) == Code.SUCCESS
    assert caller.value("Encrypt", "bu", ENCRYPT, CONSOLE) == Code.SUCCESS
    assert caller.told == [("Unlock", (False,)), ("Unlock", (True,))]
    assert not server.events("internal_error")


def test_another_agent_of_the_user_is_asked_unless_it_is_about_the_terminal(
    server: Served, caller: Client
) -> None:
    """No other program has the caller's terminal. The one that came last is asked first."""
    with client(server.bus.address) as older, client(server.bus.address) as newer:
        registered(older, 0)
        registered(newer, 1223)
        call = caller.begin("Encrypt", "bu", ENCRYPT, INTERACTIVE)
        newer.until(lambda: newer.told)
        assert caller.finish(call).body == [Code.CANCELLED]
        assert caller.value("Encrypt", "bu", ENCRYPT, CONSOLE) == Code.NOT_AUTHENTICATED
        assert older.told == []


def test_nobody_elses_agent_is_asked(server: Served, caller: Client) -> None:
    """Another user's dialog is none of ours."""
    registered(caller, 0)
    stranger = Caller(4711, "stranger", ":1.4711")
    assert server.call(lambda: server.service.unlock(stranger, console=False)) is Asked.NOBODY
    assert caller.told == []


@pytest.mark.parametrize("answer", [1244, 5, 4_000_000_000])
def test_an_agent_that_could_not_leaves_it_so(server: Served, caller: Client, answer: int) -> None:
    """Whatever number it says."""
    registered(caller, answer)
    assert server.core.calls == []
    assert caller.value("Encrypt", "bu", ENCRYPT, INTERACTIVE) == Code.NOT_AUTHENTICATED


def test_a_broken_agent_is_asked_once_and_the_next_one_instead(server: Served, caller: Client) -> None:
    """It answers with an error; its place is free then."""
    with client(server.bus.address) as sound:
        registered(sound, 0)
        registered(caller, RuntimeError("broken"))
        for number in (1, 2):
            call = caller.begin("Encrypt", "bu", ENCRYPT, INTERACTIVE)
            caller.until(lambda: len(server.core.calls) >= number)  # noqa: B023 - called at once
            sound.until(lambda: len(sound.told) >= number)  # noqa: B023
            assert caller.finish(call).body == [Code.SUCCESS]
        assert caller.told == [("Unlock", (False,))]


def test_a_silent_agent_is_waited_for_a_while_and_then_told(server: Served, caller: Client) -> None:
    """Its dialog shall not stay for nobody."""
    assert not server.core.calls
    registered(caller, SILENCE)
    assert caller.value("Encrypt", "bu", ENCRYPT, INTERACTIVE) == Code.NOT_AUTHENTICATED
    caller.until(lambda: len(caller.told) >= 2)
    assert caller.told == [("Unlock", (False,)), ("Cancel", ())]


def test_a_dialog_is_closed_when_the_caller_leaves(server: Served) -> None:
    """On the other connection, where it is shown; unless another call waits for it, too."""
    with client(server.bus.address) as agent:
        registered(agent, SILENCE)
        with client(server.bus.address) as first:
            first.begin("Encrypt", "bu", ENCRYPT, INTERACTIVE)
            agent.until(lambda: agent.told)
            with client(server.bus.address) as second:
                second.begin("Encrypt", "bu", ENCRYPT, INTERACTIVE)
                agent.until(lambda: len(agent.told) >= 2)
            agent.value("GetEncryptionStatus")
            assert agent.told == [("Unlock", (False,))] * 2
        agent.until(lambda: ("Cancel", ()) in agent.told)


def test_an_agent_that_dies_costs_its_caller_no_wait(server: Served, caller: Client) -> None:
    """The bus says that it has gone."""
    agent = Client(server.bus.address)
    registered(agent, SILENCE)
    call = caller.begin("Encrypt", "bu", ENCRYPT, INTERACTIVE)
    agent.until(lambda: agent.told)
    agent.close()
    assert caller.finish(call).body == [Code.NOT_AUTHENTICATED]
    assert caller.value("Encrypt", "bu", ENCRYPT, INTERACTIVE) == Code.NOT_AUTHENTICATED


def test_others_are_served_while_a_dialog_is_open(server: Served, caller: Client) -> None:
    """It is that caller's alone."""
    with client(server.bus.address) as other:
        registered(caller, SILENCE)
        call = caller.begin("Encrypt", "bu", ENCRYPT, INTERACTIVE)
        caller.until(lambda: caller.told)
        assert other.value("GetEncryptionStatus") == [True, False]
        assert not call.done()
        assert caller.finish(call).body == [Code.NOT_AUTHENTICATED]


def test_a_user_has_so_many_agents_and_no_more(server: Served) -> None:
    """One connection has one, whichever was registered last; who leaves makes room."""
    clients = [Client(server.bus.address) for _ in range(MOST_EACH + 1)]
    try:
        for each in clients[:-1]:
            registered(each, 0)
        registered(clients[0], 0)
        assert clients[-1].error("RegisterPassphraseAgent", "o", "/agent") == "LimitsExceeded"
        clients.pop(0).close()
        registered(clients[-1], 0)
    finally:
        for each in clients:
            each.close()


def test_an_agent_is_an_object(server: Served, caller: Client) -> None:
    """Anything else is refused before anybody looks at it."""
    assert caller.error("RegisterPassphraseAgent", "s", "/agent") == "InvalidArgs"
    reply = caller.call("RegisterPassphraseAgent", "o", "/agent")
    assert (reply.message_type, list(reply.body)) == (MessageType.METHOD_RETURN, [])
    assert not server.events("internal_error")
