"""Any report can be told."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from hypothesis import given

from rp_finalizer.outcome import Outcome
from rp_finalizer.wording import NAMING, Line, block, headline, sentence
from tests.property.test_report_properties import REPORTS, bounded

if TYPE_CHECKING:
    from rp_finalizer.report import Report

WELL = {None, Outcome.FINISHED, Outcome.ALREADY_FINISHED}


@bounded
@given(REPORTS)
def test_any_report_can_be_told(report: Report) -> None:
    """Whatever a report holds, each line has words, an end, and no control character; the last says what to do."""
    lines = block(report)
    for line in [*lines, Line(headline(report)), Line(sentence(report))]:
        assert line.text.strip()
        assert len(line.text) < 3000
        assert not {unicodedata.category(letter) for letter in line.text} & {"Cc", "Cs", "Zl", "Zp"}
    assert report.outcome in WELL or "rp-finalize" in lines[-1].text or lines[-1].text == NAMING
