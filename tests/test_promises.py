"""Every promise of docs/what-you-can-rely-on.md names a test that is there."""

import re

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "what-you-can-rely-on.md"
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE.read_text())


@pytest.mark.parametrize(("path", "function"), sorted(set(NAMED)))
def test_its_test_is_there(path, function):
    assert f"def {function or 'test_'}" in (ROOT / path).read_text()


def test_every_row_has_a_test():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| promise")]
    assert len(rows) > 20
    assert all("`tests/" in row.rsplit("|", 2)[1] for row in rows)
