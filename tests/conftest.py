"""What was skipped is told in one line a reason, with the number of tests."""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports: list[pytest.TestReport] = terminalreporter.stats.get("skipped", [])
    reasons = Counter(reason(report) for report in reports)
    for text, count in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped {count}: {text}")


def reason(report: pytest.TestReport) -> str:
    told = report.longrepr
    return str(told[2]).removeprefix("Skipped: ") if isinstance(told, tuple | list) else str(told)
