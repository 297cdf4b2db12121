"""What holds for all tests: how far properties are tried, and how skipped tests are told."""

from collections import Counter

import pytest
from hypothesis import settings

# Time is measured in benchmarks, not here. The usual run tries the same examples every time; `make test-all` tries
# many more, and others each time.
settings.register_profile("usual", deadline=None, derandomize=True)
settings.register_profile("all", deadline=None, max_examples=1000)
settings.load_profile("usual")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was skipped in one line a reason, with the number of tests."""
    reports: list[pytest.TestReport] = terminalreporter.stats.get("skipped", [])
    reasons = Counter(reason(report) for report in reports)
    for text, count in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped {count}: {text}")


def reason(report: pytest.TestReport) -> str:
    told = report.longrepr
    return str(told[2]).removeprefix("Skipped: ") if isinstance(told, tuple | list) else str(told)
