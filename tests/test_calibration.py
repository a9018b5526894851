"""The calibration gate, on a problem whose posterior is known exactly."""

import numpy as np
import pytest
from scipy import stats
from support.toy_posteriors import CASES, toy

from lcinfer.evaluation.calibration import calibration


def failed(seeds: int, **wrong) -> int:
    """In how many of the seeds the gate fails such posteriors."""
    return sum(calibration(*toy(seed, **wrong)).verdict == "FAIL" for seed in range(seeds))


def test_exact_posteriors_fail_as_often_as_the_gate_says() -> None:
    assert stats.binomtest(failed(200), 200, 0.05).pvalue > 0.01


@pytest.mark.parametrize("case", [case for case in CASES if case != "exact"])
def test_wrong_posteriors_fail(case) -> None:
    assert failed(40, **CASES[case]) >= 38


def test_coverage_is_what_the_intervals_say() -> None:
    generator = np.random.default_rng(1)
    truth = generator.random((4000, 2))
    samples = generator.random((4000, 500, 2))
    found = calibration(samples, truth, truth, generator)
    assert found.coverage(0.68) == pytest.approx(np.full(2, 0.68), abs=0.02)
    assert found.coverage(0.95) == pytest.approx(np.full(2, 0.95), abs=0.01)


def test_few_light_cones_get_no_verdict_and_the_reason_names_the_worst_test() -> None:
    few = calibration(*toy(1, number=199))
    assert few.verdict == "none"
    assert few.reason("abcd") == "199 test light-cones, and a verdict needs 200"
    biased = calibration(*toy(1, bias=1.0))
    assert biased.verdict == "FAIL"
    assert f"5 tests, SBC of {'abcd'[biased.sbc.argmin()]}; 200 test" in biased.reason("abcd")
    assert "TARP" in calibration(*toy(1, prior=True)).reason("abcd")


def test_units_of_the_parameters_change_nothing() -> None:
    samples, truth, reference, _ = toy(3)
    unit = np.array([1e3, 1e-3, 1, 7])
    plain, scaled = (
        calibration(samples * by, truth * by, reference * by, np.random.default_rng(1))
        for by in (1, unit)
    )
    np.testing.assert_allclose(scaled.ranks, plain.ranks)
    np.testing.assert_allclose(scaled.credibility, plain.credibility)


@pytest.mark.filterwarnings("ignore")  # it warns of what it finds
def test_pted_agrees_on_exact_posteriors_and_on_too_narrow_ones() -> None:
    """An independent coverage test, by permutations of the energy distance."""
    pted = pytest.importorskip("pted")
    for width, calibrated in ((1.0, True), (0.7, False)):
        it = toy(2, width=width)
        p = pted.pted_coverage_test(
            it.truth,
            it.samples[:, ::4].swapaxes(0, 1),
            permutations=100,
            rng=np.random.default_rng(1),
        )
        assert bool(p > 0.05) == calibrated
        assert (calibration(*it).verdict == "PASS") == calibrated


def test_sbi_agrees_on_exact_posteriors_and_on_too_narrow_ones() -> None:
    """With ``pip install lcinfer[crosscheck]``: its test of uniform ranks."""
    sbc = pytest.importorskip("sbi.diagnostics.sbc")
    torch = pytest.importorskip("torch")
    for width, calibrated in ((1.0, True), (0.7, False)):
        it = toy(2, width=width)
        ranks = torch.tensor((it.samples < it.truth[:, None]).sum(axis=1))
        p = sbc.check_uniformity_frequentist(ranks, it.samples.shape[1]).numpy()
        found = calibration(*it)
        np.testing.assert_allclose(p, found.sbc, rtol=0.5, atol=0.02)
        assert bool(4 * p.min() > 0.05) == calibrated
        assert (found.verdict == "PASS") == calibrated
