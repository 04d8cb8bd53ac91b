"""The bench of alignment, small: both ways of scoring give the same rewards."""

from xkde.bench.align import TOLERANCE, measure


def test_measure() -> None:
    report = measure(12)
    assert (report["pairs"], report["weights"]) == (12, "atlas-aligner")
    assert float(report["largest_difference"]) <= TOLERANCE
    assert report["times_faster"] > 0
