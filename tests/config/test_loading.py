"""From files to settings, and every problem at its place."""

import pytest
from pydantic import ValidationError

from cscd.age import HybridIdentity
from cscd.config import Settings
from tests.config.directory import RECIPIENT, Directory


def test_without_a_key_everything_has_its_default(directory: Directory) -> None:
    """And no origin."""
    directory.write("cache:\nsessions:\n")
    loaded = directory.load()
    assert loaded.settings == Settings()
    assert "cache.roots" not in loaded.origins


def test_a_file_says_what_is_in_force(directory: Directory) -> None:
    """In its own words: units, lists, nested sections."""
    directory.write(
        f"""\
        cache: {{roots: ["{{home}}/a", "/srv/{{user}}"], exclude: ["*.tmp"]}}
        encryption: {{policy: encrypted, recovery_recipients: [{RECIPIENT}]}}
        enforcement:
          retry: {{first: 1.5, longest: 1h}}
          concurrent_passes: 4
          worker_memory: 1G
        """
    )
    settings = directory.load().settings
    assert settings.cache.roots == ("{home}/a", "/srv/{user}")
    assert settings.encryption.recovery_recipients == (RECIPIENT,)
    assert (settings.enforcement.retry.first, settings.enforcement.retry.longest) == (1.5, 3600.0)
    assert (settings.enforcement.concurrent_passes, settings.enforcement.worker_memory) == (4, 1 << 30)


def test_additions_are_laid_over_it(directory: Directory) -> None:
    """By key; the origin of each is where it was written last."""
    directory.write("sessions: {min_uid: 1, users: [a, b]}\nlogging: {level: debug}\n")
    directory.add("10.yaml", "sessions: {users: [c]}\n")
    directory.add("20.yaml", "\nsessions: {min_uid: 2}\n")
    loaded = directory.load()
    assert (loaded.settings.sessions.min_uid, loaded.settings.sessions.users) == (2, ("c",))
    origins = {name: str(place).replace(f"{directory.path}/", "") for name, place in loaded.origins.items()}
    assert origins == {
        "sessions.min_uid": "cscd.yaml.d/20.yaml:2:21",
        "sessions.users": "cscd.yaml.d/10.yaml:1:19",
        "logging.level": "cscd.yaml:2:18",
    }


@pytest.mark.parametrize(
    "text, problem",
    [
        ("cahce: {}", "1:1: cahce: no such key; did you mean cache?"),
        ("cache: {rots: [/a]}", "1:9: cache.rots: no such key; did you mean roots?"),
        ("min_uid: 5", "1:1: min_uid: no such key here; did you mean sessions.min_uid?"),
        ("bogus: 5", "1:1: bogus: no such key; expected one of cache, encryption, sessions, enforcement"),
        ("cache: 5", "1:8: cache: expected a section (keys with values, indented below it), not 5"),
        ("cache: [a]", "1:8: cache: expected a section (keys with values, indented below it), not a list"),
        ("encryption:\n  policy: none", "2:11: encryption.policy: expected encrypted, unencrypted or user-"),
        ("cache:\n  roots: /a", "2:10: cache.roots: expected a list, not empty, each item an absolute path"),
        (
            "sessions: {users: [1000]}",
            "1:20: sessions.users: expected a name from the user database, not 1000",
        ),
        (
            "sessions: {users: [a, b, a]}",
            "1:19: sessions.users: expected each only once, but a is there again",
        ),
        (
            "metrics:\n  interval:",
            "2:12: metrics.interval: expected a duration such as 90, 90s, 10m, 1h or 1d",
        ),
        (
            "cache: {include: ['[z-a]']}",
            "1:19: cache.include: expected a pattern such as *.tmp or build/**: bad",
        ),
        (
            "enforcement: {retry: {first: 1h}}",
            "1:22: enforcement.retry.longest: expected at least the wait of",
        ),
    ],
)
def test_a_problem_names_place_key_and_expectation(directory: Directory, text: str, problem: str) -> None:
    """One line for each, and once only."""
    directory.write(text)
    (found,) = directory.problems()
    assert found.startswith(f"cscd.yaml:{problem}")


@pytest.mark.parametrize(
    "recipient, why",
    [
        ("AGE-SECRET-KEY-1ABC", "this is an identity, which is secret; its recipient starts with age1"),
        (f"{RECIPIENT[:-1]}q", "the key has a typing error: its checksum does not match"),
        ("age1pq1qqqqqqqqqqq", "the key has a typing error: its checksum does not match"),
        ("alice", "this is not a Bech32 string"),
    ],
)
def test_a_recipient_is_checked_by_those_who_know(directory: Directory, recipient: str, why: str) -> None:
    """And what stands in its place is not told, for it may be a secret."""
    directory.write(f"encryption: {{recovery_recipients: [{recipient}]}}")
    (problem,) = directory.problems()
    assert problem.startswith("cscd.yaml:1:36: encryption.recovery_recipients: expected an age recipient")
    assert why in problem
    assert recipient not in problem


def test_a_recipient_may_be_post_quantum(directory: Directory) -> None:
    """And stands beside others; 33 are too many, whatever their type."""
    post_quantum = [str(HybridIdentity.generate().recipient) for _ in range(32)]
    directory.write(f"encryption: {{recovery_recipients: [{RECIPIENT}, {', '.join(post_quantum[1:])}]}}")
    assert directory.load().settings.encryption.recovery_recipients == (RECIPIENT, *post_quantum[1:])
    directory.write(f"encryption: {{recovery_recipients: [{RECIPIENT}, {', '.join(post_quantum)}]}}")
    (problem,) = directory.problems()
    assert problem.endswith("encryption.recovery_recipients: expected at most 32, but there are 33")


def test_all_problems_are_told_at_once_in_order(directory: Directory) -> None:
    """Of every file, in the order in which they are read, then by line and column."""
    directory.write("metrics: {enabled: no}\nbogus: 1\ncache: {roots: [], exclude: ['[z-a]']}\ncache: {}\n")
    directory.add("10.yaml", "sessions: {min_uid: -1, min_udi: 5}\n")
    directory.add("20.yaml", "a: [\n")
    places = [problem.split(": ")[0] for problem in directory.problems()]
    assert places == [
        "cscd.yaml:1:20",
        "cscd.yaml:2:1",
        "cscd.yaml:3:16",
        "cscd.yaml:3:30",
        "cscd.yaml:4:1",
        "cscd.yaml.d/10.yaml:1:21",
        "cscd.yaml.d/10.yaml:1:25",
        "cscd.yaml.d/20.yaml:2:1",
    ]


def test_what_another_file_replaces_must_be_right_too(directory: Directory) -> None:
    """It would be in force when that file is gone."""
    directory.write("sessions: {min_uid: x}\n")
    directory.add("10.yaml", "sessions: {min_uid: 5}\n")
    assert [problem.split(": ")[0] for problem in directory.problems()] == ["cscd.yaml:1:21"]


def test_files_may_contradict_the_defaults_but_not_each_other(directory: Directory) -> None:
    """Keys that belong together may be in two files."""
    directory.write("enforcement: {retry: {first: 1h}}\n")
    directory.add("10.yaml", "enforcement: {retry: {longest: 2h}}\n")
    assert directory.load().settings.enforcement.retry.longest == 7200.0
    directory.add("20.yaml", "enforcement: {retry: {longest: 1m}}\n")
    (problem,) = directory.problems()
    assert problem.startswith("cscd.yaml.d/20.yaml:1:32: enforcement.retry.longest: expected at least")


def test_settings_do_not_change(directory: Directory) -> None:
    """Neither they nor where they come from."""
    directory.write("sessions: {min_uid: 5}")
    loaded = directory.load()
    with pytest.raises(ValidationError, match="frozen"):
        loaded.settings.sessions.min_uid = 6  # type: ignore[misc]
    with pytest.raises(TypeError):
        loaded.origins["x"] = loaded.origins["sessions.min_uid"]  # type: ignore[index]
    assert directory.load() == loaded
