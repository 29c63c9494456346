"""The metrics: what Prometheus reads of them, and how many there are."""

import subprocess

from prometheus_client.parser import text_string_to_metric_families

from cscd.daemon.telling.exposition import METRICS, MOST_USERS, exposition
from cscd.daemon.telling.status import Reasons, Status
from cscd.daemon.telling.totals import Totals
from tests.daemon import statuses
from tests.daemon.documentation import MANUAL, renewed
from tests.support import requires

LABEL = "user"


def read(status: Status, totals: Totals | None = None) -> dict[tuple[str, str], float]:
    """What a reader of the format finds: the value by name and the only label's value."""
    text = exposition(status, totals or Totals()).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {(each.name, next(iter(each.labels.values()), "")): each.value for each in samples}
    assert len(found) == len(samples)
    return found


def test_it_says_how_the_service_is() -> None:
    """State, policy, passes, users and what is not right by reason."""
    totals = Totals()
    totals.worker_failed("hung")
    found = read(statuses.rich(), totals)
    assert found["cscd_build_info", "0.1.0"] == 1
    assert found["cscd_start_time_seconds", ""] == statuses.NOW - 7800
    assert (found["cscd_encrypted", ""], found["cscd_partial", ""]) == (1, 1)
    assert (found["cscd_policy", "encrypted"], found["cscd_policy", "user-controlled"]) == (1, 0)
    assert (found["cscd_passes_running", ""], found["cscd_passes_waiting", ""]) == (1, 1)
    assert found["cscd_recovery_recipients", ""] == 0
    assert (found["cscd_users", ""], found["cscd_users_partial", ""]) == (5, 3)
    assert (found["cscd_workers", "ready"], found["cscd_workers", "abandoned"]) == (3, 1)
    assert (found["cscd_roots", "unwatched"], found["cscd_roots", "awaited"]) == (1, 1)
    assert (found["cscd_items_pending", "open_elsewhere"], found["cscd_items_failed", "io_error"]) == (14, 1)
    assert found["cscd_worker_failures_total", "hung"] == 1
    assert found["cscd_worker_failures_total", "killed"] == 0
    assert (found["cscd_user_compliant", "alice"], found["cscd_user_compliant", "dora"]) == (0, 1)
    assert (found["cscd_user_items_pending", "alice"], found["cscd_user_items_failed", "alice"]) == (15, 2)
    assert ("cscd_user_last_pass_timestamp_seconds", "bob") not in found


def test_a_service_without_users_has_its_metrics() -> None:
    """None of them is missing but the users' own, so that an alert on them is never silent by accident."""
    found = {name for name, _ in read(statuses.poor())}
    assert found == {metric.name for metric in METRICS if LABEL not in metric.labels}


def test_the_number_of_series_is_bounded() -> None:
    """However many users there are; those who are not right are among those who have their own."""
    users = [statuses.user(f"user{number}", 1000 + number) for number in range(3 * MOST_USERS)]
    users.append(statuses.user("zoe", 999, partial=True))
    found = read(statuses.status(*users))
    assert sum(name == "cscd_user_compliant" for name, _ in found) == MOST_USERS
    assert found["cscd_user_compliant", "zoe"] == 0
    assert found["cscd_users_without_series", ""] == 2 * MOST_USERS + 1
    assert found["cscd_users", ""] == 3 * MOST_USERS + 1


def test_reasons_that_are_not_known_are_one() -> None:
    """A worker that is not what it was cannot make series."""
    made_up = tuple(Reasons(reason=f"reason{number}", items=1) for number in range(100))
    found = read(statuses.status(statuses.user(partial=True, pending=made_up)))
    assert found["cscd_items_pending", "other"] == 100
    assert sum(name == "cscd_items_pending" for name, _ in found) < 30


def test_a_name_cannot_break_the_format() -> None:
    """Quotes, newlines and backslashes of a directory service's names are read back as they were."""
    name = 'a"b\\c\nd{}'
    assert read(statuses.status(statuses.user(name)))["cscd_user_compliant", name] == 1


def test_promtool_finds_nothing_to_say() -> None:
    """Prometheus' own check of names, types and texts."""
    requires.command("promtool")
    text = exposition(statuses.rich(), Totals())
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_metric_is_documented() -> None:
    """`python -m tests.daemon.documentation` renews the table."""
    text = MANUAL.read_text(encoding="utf-8")
    assert renewed(text) == text
