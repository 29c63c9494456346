"""Opening the identities of users: by the machine key, by a passphrase; what must not be used is refused."""

import os
import subprocess
from pathlib import Path

import pytest

from cscd.age import X25519Identity, key_id
from cscd.errors import KeyFileError, PassphraseError
from cscd.keys import MachineKey, Passphrase, UserKey, UserKeys, UserSecrets
from cscd.keys.wrapping import Wrapper, wrap
from tests.keys.subject import UID, add, refusal
from tests.support import requires
from tests.support.users import User


def wrapped(identity: X25519Identity, wrapper: Wrapper) -> bytes:
    """Wrap an identity as the service would, with less work."""
    return wrap(identity, wrapper, lambda: 2)


def test_the_machine_key_opens_it(secrets: UserSecrets, machine: MachineKey, key: UserKey) -> None:
    """The identity is the one that the public half belongs to."""
    (identity,) = secrets.unlock(machine)
    assert identity.recipient == key.recipient


def test_the_passphrase_opens_it(secrets: UserSecrets, passphrase: Passphrase, machine: MachineKey) -> None:
    """Without the machine key, which opens nothing here."""
    key, made = secrets.make(passphrase)
    assert made
    (identity,) = secrets.unlock(passphrase)
    assert identity.recipient == key.recipient
    assert secrets.unlock(machine) == ()
    assert secrets.unlock(machine, passphrase)[0].recipient == key.recipient


def test_a_wrong_passphrase_is_not_damage(
    secrets: UserSecrets, passphrase: Passphrase, key: UserKey, machine: MachineKey
) -> None:
    """It has an error of its own, which holds nothing of it; the machine key still opens."""
    secrets.protect(passphrase, secrets.unlock(machine))
    wrong = Passphrase(b"battery staple")
    with pytest.raises(PassphraseError) as caught:
        secrets.unlock(wrong)
    assert "battery" not in repr(caught.value)
    assert secrets.unlock(wrong, machine)[0].recipient == key.recipient


def test_a_key_without_a_passphrase_is_opened_by_none(
    secrets: UserSecrets, passphrase: Passphrase, key: UserKey
) -> None:
    """Which is not a wrong one."""
    assert key.key_id
    assert secrets.unlock(passphrase) == ()


def test_another_machine_key_opens_nothing(secrets: UserSecrets, keys: UserKeys, key: UserKey) -> None:
    """Which is told apart from damage; encrypting goes on."""
    other = MachineKey(X25519Identity.generate(), "/nowhere")
    assert refusal(lambda: secrets.unlock(other)).reason == "no_machine_key"
    assert keys.current(UID) == key


def test_all_identities_are_unlocked_the_current_one_first(
    secrets: UserSecrets, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """Those that a rotation left, and those that a maker who died left before it was to be used."""
    older = [X25519Identity.generate() for _ in range(5)]
    for each in older:
        add(directory, f"{key_id(each.recipient)}.age", wrapped(each, machine))
    found = secrets.unlock(machine)
    assert found[0].recipient == key.recipient
    assert {each.recipient for each in found[1:]} == {each.recipient for each in older}


def test_an_older_key_under_another_passphrase_is_told(
    secrets: UserSecrets, passphrase: Passphrase, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """It does not make the passphrase a wrong one; with the other one beside, both open."""
    other = Passphrase(b"an older one")
    old = X25519Identity.generate()
    name = key_id(old.recipient)
    add(directory, f"{name}.passphrase.age", wrapped(old, other))
    secrets.protect(passphrase, secrets.unlock(machine))
    told: list[KeyFileError] = []
    (found,) = secrets.unlock(passphrase, refused=told.append)
    assert found.recipient == key.recipient
    assert [(each.reason, each.path) for each in told] == [
        ("wrong_passphrase", str(directory / f"{name}.passphrase.age"))
    ]
    assert refusal(lambda: secrets.unlock(passphrase)).reason == "wrong_passphrase"
    both = secrets.unlock(passphrase, other)
    assert [each.recipient for each in both] == [key.recipient, old.recipient]


def test_age_opens_what_the_machine_key_wraps(
    machine: MachineKey, key: UserKey, directory: Path, tmp_path: Path
) -> None:
    """The formats are age's own, all the way: no cscd is needed to get at a user's identity."""
    requires.command("age", "age-keygen")
    machine_file = tmp_path / "machine.key"
    machine_file.write_text(machine.identity.encode())
    plain = subprocess.run(
        ["age", "--decrypt", "--identity", machine_file, directory / f"{key.key_id}.age"],
        capture_output=True,
        check=True,
    ).stdout
    recipient = subprocess.run(["age-keygen", "-y"], input=plain, capture_output=True, check=True).stdout
    assert recipient == (directory / "current").read_bytes()


def test_age_opens_what_a_passphrase_wraps(secrets: UserSecrets, passphrase: Passphrase, path: Path) -> None:
    """It asks for it at a terminal, as it asks anybody."""
    requires.command("age", "age-keygen", "script")
    key, _ = secrets.make(passphrase)
    file = path / str(UID) / f"{key.key_id}.passphrase.age"
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", f"age --decrypt {file} | age-keygen -y", "/dev/null"],
        input=passphrase.reveal() + b"\n",
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert str(key.recipient).encode() in done.stdout


def test_a_swapped_private_half_is_caught_at_unlock(
    secrets: UserSecrets, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """It opens, but it is another key's."""
    (directory / f"{key.key_id}.age").write_bytes(wrapped(X25519Identity.generate(), machine))
    assert refusal(lambda: secrets.unlock(machine)).reason == "swapped"


@pytest.mark.parametrize("ending", ["age", "passphrase.age"])
@pytest.mark.parametrize("cut", [1, 50, 150, 230])
def test_a_truncated_private_half_is_damaged(
    secrets: UserSecrets,
    machine: MachineKey,
    passphrase: Passphrase,
    key: UserKey,
    directory: Path,
    ending: str,
    cut: int,
) -> None:
    """Wherever it ends."""
    secrets.protect(passphrase, secrets.unlock(machine))
    os.truncate(directory / f"{key.key_id}.{ending}", cut)
    opener = machine if ending == "age" else passphrase
    error = refusal(lambda: secrets.unlock(opener))
    assert (error.reason, error.path) == ("damaged", str(directory / f"{key.key_id}.{ending}"))


def test_a_wrapping_of_another_kind_than_its_name_says_is_damaged(
    secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, key: UserKey, directory: Path
) -> None:
    """A passphrase is not tried on what anybody could have made without knowing it."""
    held = (directory / f"{key.key_id}.age").read_bytes()
    add(directory, f"{key.key_id}.passphrase.age", held)
    assert refusal(lambda: secrets.unlock(passphrase)).reason == "damaged"
    (identity,) = secrets.unlock(machine)
    (directory / f"{key.key_id}.age").write_bytes(wrapped(identity, passphrase))
    assert refusal(lambda: secrets.unlock(machine)).reason == "damaged"


def test_no_more_work_is_done_than_we_would_have_asked_for(
    secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, key: UserKey, directory: Path
) -> None:
    """A file that asks for four times the memory was not made by us."""
    secrets.protect(passphrase, secrets.unlock(machine))
    file = directory / f"{key.key_id}.passphrase.age"
    head, _, rest = file.read_bytes().partition(b" 2\n")
    file.write_bytes(head + b" 22\n" + rest)
    assert refusal(lambda: secrets.unlock(passphrase)).reason == "damaged"


def test_what_is_wrapped_must_be_one_identity(
    secrets: UserSecrets, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """Anything else is damage, and is not shown."""
    requires.command("age")
    sealed = subprocess.run(
        ["age", "--encrypt", "--recipient", str(machine.identity.recipient)],
        input=b"AGE-SECRET-KEY-1NOTHING",
        capture_output=True,
        check=True,
    ).stdout
    (directory / f"{key.key_id}.age").write_bytes(sealed)
    error = refusal(lambda: secrets.unlock(machine))
    assert error.reason == "damaged"
    assert "NOTHING" not in repr(error)


def test_one_bad_file_does_not_lock_the_others(
    secrets: UserSecrets, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """Where the caller wants to be told of it instead."""
    add(directory, f"{'0' * 16}.age", b"garbage")
    told: list[KeyFileError] = []
    (identity,) = secrets.unlock(machine, refused=told.append)
    assert identity.recipient == key.recipient
    assert [(each.reason, each.path) for each in told] == [("damaged", str(directory / f"{'0' * 16}.age"))]
    assert refusal(lambda: secrets.unlock(machine)).reason == "damaged"


NAMES = ["current", "KEYID.pub", "KEYID.age", "KEYID.passphrase.age"]
"""Of all the files of a pair."""


@pytest.fixture
def both(
    secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, key: UserKey
) -> tuple[Wrapper, ...]:
    """Have the key wrapped by both, and give them such that each file is looked at."""
    secrets.protect(passphrase, secrets.unlock(machine))
    assert key.key_id
    return (passphrase, machine)


def refusals(secrets: UserSecrets, both: tuple[Wrapper, ...]) -> set[tuple[str, str]]:
    """Return what is refused when the key is opened by each of its wrappings."""
    told: list[KeyFileError] = []
    for opener in both:
        secrets.unlock(opener, refused=told.append)
    return {(each.reason, each.path) for each in told}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_others_can_read_is_refused(
    secrets: UserSecrets, key: UserKey, directory: Path, both: tuple[Wrapper, ...], name: str
) -> None:
    """Also the public ones: we make them otherwise, so somebody else was at work."""
    path = directory / name.replace("KEYID", key.key_id)
    path.chmod(0o604)
    assert refusals(secrets, both) == {("readable_by_others", str(path))}


@pytest.mark.parametrize("name", NAMES)
def test_a_link_is_refused(
    secrets: UserSecrets, key: UserKey, directory: Path, both: tuple[Wrapper, ...], tmp_path: Path, name: str
) -> None:
    """Even to the file itself."""
    path = directory / name.replace("KEYID", key.key_id)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert refusals(secrets, both) == {("not_regular", str(path))}


@pytest.mark.root
@pytest.mark.parametrize("name", NAMES)
def test_what_belongs_to_somebody_else_is_refused(
    secrets: UserSecrets, key: UserKey, directory: Path, both: tuple[Wrapper, ...], mallory: User, name: str
) -> None:
    """Whoever owns it can change it."""
    path = directory / name.replace("KEYID", key.key_id)
    os.chown(path, mallory.uid, mallory.gid)
    assert refusals(secrets, both) == {("wrong_owner", str(path))}


@pytest.mark.root
def test_a_directory_that_belongs_to_somebody_else_is_refused(
    secrets: UserSecrets, machine: MachineKey, directory: Path, mallory: User
) -> None:
    """Whatever is in it."""
    os.chown(directory, mallory.uid, mallory.gid)
    error = refusal(lambda: secrets.unlock(machine))
    assert (error.reason, error.path) == ("wrong_owner", str(directory))


def test_no_secret_is_in_the_files_or_in_a_representation(
    secrets: UserSecrets, directory: Path, both: tuple[Wrapper, ...]
) -> None:
    """But wrapped."""
    identities = [*secrets.unlock(both[0]), *secrets.unlock(both[1])]
    held = b"".join(each.read_bytes() for each in directory.iterdir())
    assert b"SECRET" not in held
    assert b"horse" not in held
    shown = f"{identities!r} {secrets!r} {both!r}"
    assert "SECRET" not in shown
    assert "horse" not in shown
