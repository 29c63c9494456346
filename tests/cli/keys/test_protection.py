"""``cscd keys passphrase``, ``protect`` and ``unprotect``."""

from cscd.cli.exitcodes import ExitCode
from tests.cli.keys.test_unlocking import given
from tests.cli.keyserver import Keys
from tests.cli.shell import Shell


def test_a_first_passphrase_is_typed_twice(shell: Shell, keys: Keys) -> None:
    """There is no old one to ask for."""
    with shell.on_terminal("keys", "passphrase") as running:
        running.until("New passphrase: ")
        running.type(b"sesame\n")
        running.until("The same again: ")
        running.type(b"sesame\n")
        done = running.end()
    assert done.code == ExitCode.OK
    assert b"sesame" not in done.out
    assert keys.passphrase == b"sesame"


def test_the_old_one_is_asked_for_first(shell: Shell, keys: Keys) -> None:
    """Whoever walks up to a desk cannot change it."""
    keys.passphrase = b"old"
    with shell.on_terminal("keys", "passphrase") as running:
        running.until("Passphrase of your key: ")
        running.type(b"old\n")
        running.until("New passphrase: ")
        running.type(b"new\n")
        running.until("The same again: ")
        running.type(b"new\n")
        assert running.end().code == ExitCode.OK
    assert keys.passphrase == b"new"


def test_an_old_one_that_is_wrong_is_asked_for_again_alone(shell: Shell, keys: Keys) -> None:
    """The new one has been typed, and need not be again."""
    keys.passphrase = b"old"
    with shell.on_terminal("keys", "passphrase") as running:
        for prompt, answer in (
            ("Passphrase of your key: ", b"odl\n"),
            ("New passphrase: ", b"new\n"),
            ("The same again: ", b"new\n"),
            ("That was not it. Passphrase of your key: ", b"old\n"),
        ):
            running.until(prompt)
            running.type(answer)
        done = running.end()
    assert done.code == ExitCode.OK
    assert done.text.count("New passphrase: ") == 1
    assert keys.passphrase == b"new"


def test_two_that_differ_are_asked_for_again(shell: Shell, keys: Keys) -> None:
    """Nothing is set before they agree."""
    with shell.on_terminal("keys", "passphrase") as running:
        for number in range(3):
            running.until(f"(New passphrase: (.|\\s)*){{{number + 1}}}")
            running.type(b"one\n")
            running.until(f"(The same again: (.|\\s)*){{{number + 1}}}")
            running.type(b"other\n")
        done = running.end()
    assert done.code == ExitCode.KEY
    assert done.text.count("The two differ. New passphrase: ") == 2
    assert keys.passphrase is None


def test_an_empty_one_is_refused(shell: Shell, keys: Keys) -> None:
    """It protects nothing."""
    with shell.on_terminal("keys", "passphrase") as running:
        running.until("New passphrase: ")
        running.type(b"\n")
        done = running.end()
    assert done.code == ExitCode.KEY
    assert "empty" in done.text
    assert keys.passphrase is None


def test_a_script_gives_both_in_their_order(shell: Shell, keys: Keys) -> None:
    """The old one, then the new one, once."""
    assert given(shell, "keys", "passphrase", lines=b"first\n").code == ExitCode.OK
    assert given(shell, "keys", "passphrase", lines=b"first\nsecond\n").code == ExitCode.OK
    assert keys.passphrase == b"second"


def test_protecting_by_a_passphrase_sets_one(shell: Shell, keys: Keys) -> None:
    """It is the same command under another name."""
    report = given(shell, "keys", "protect", "passphrase", "--json", lines=b"x\n").json
    assert report["command"] == "keys protect"
    assert keys.passphrase == b"x"
    assert keys.asked == ["passphrase"]


def test_the_machine_key_comes_and_goes(shell: Shell, keys: Keys) -> None:
    """With the passphrase, where there is one."""
    keys.passphrase = b"x"
    done = given(shell, "keys", "unprotect", "machine", lines=b"x\n")
    assert (done.code, keys.machine) == (ExitCode.OK, False)
    assert "does not open it any more" in done.text
    assert given(shell, "keys", "protect", "machine", lines=b"x\n").code == ExitCode.OK
    assert keys.machine


def test_a_passphrase_is_taken_away(shell: Shell, keys: Keys) -> None:
    """By whoever knows it."""
    keys.passphrase = b"x"
    assert given(shell, "keys", "unprotect", "passphrase", lines=b"y\n").code == ExitCode.KEY
    assert given(shell, "keys", "unprotect", "passphrase", lines=b"x\n").code == ExitCode.OK
    assert keys.passphrase is None


def test_the_last_protector_stays(shell: Shell, keys: Keys) -> None:
    """The person is told what to do first."""
    done = shell.run("keys", "unprotect", "machine")
    assert done.code == ExitCode.SERVICE
    assert "cscd keys passphrase" in done.messages
    assert keys.machine


def test_there_is_no_third_protector(shell: Shell) -> None:
    """So far."""
    assert shell.run("keys", "protect", "tpm").code == ExitCode.USAGE
