import numpy as np

from harness.compare.curves import summaries_of


def test_a_seed_that_never_gets_there_leaves_no_difference() -> None:
    rising = np.array([[0.0, 0.5, 1.0], [0.0, 0.6, 1.0]])
    flat = np.array([[0.0, 0.5, 0.5], [0.0, 0.6, 1.0]])
    steps = [0, 10, 30]
    _, reach = summaries_of("accuracy_easy", steps, (rising, flat), is_paired=True, level=0.95)
    assert "0.675" in reach.name
    assert reach.difference is None
    assert reach.note == "1 of 2 seeds of the baseline do not reach it"
    assert np.isnan(reach.baseline) and np.isfinite(reach.candidate)
    _, reach = summaries_of("accuracy_easy", steps, (rising, rising), is_paired=True, level=0.95)
    assert reach.difference is not None
    assert reach.difference.interval.point == 0.0


def test_training_metrics_and_falling_baselines_have_no_threshold() -> None:
    rising = np.array([[0.0, 0.5, 1.0], [0.0, 0.6, 1.0]])
    for metric, curve in (("reward", rising), ("accuracy_easy", rising[:, ::-1])):
        found = summaries_of(metric, [0, 10, 30], (curve, curve), is_paired=True, level=0.95)
        assert len(found) == 1
    assert summaries_of("reward", [0], (rising, rising), is_paired=True, level=0.95) == ()
