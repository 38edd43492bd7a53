"""What a batch runs: files, folders and patterns, sweeps, names, and whose plan each run starts from."""

import pytest

from optimizer.batch.cores import usable_cores
from optimizer.batch.jobs import find_scenarios, jobs_of, slug
from optimizer.batch.summary import worst
from optimizer.errors import UsageError
from tests.batch.cases import write_batch

SWEEP = '[[sweep]]\nparameter = "weights.service"\nvalues = [1, 2.5]\n'


def test_folders_and_patterns_are_scenarios_in_order_and_once(tmp_path):
    what_ifs = write_batch(tmp_path, 3)
    (what_ifs / "heat.toml").write_text('name = "heat"\n[[change]]\ntable = "stock"\ndrop = true\n')  # a bundle
    found = find_scenarios([tmp_path / "baseline.toml", what_ifs, str(what_ifs / "more-0[12].toml")])
    assert [path.stem for path in found] == ["baseline", "more-00", "more-01", "more-02"]
    assert [path.stem for path in find_scenarios([str(tmp_path / "**" / "*.toml")])] == [
        "baseline", "more-00", "more-01", "more-02"
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["nothing*.toml", "empty"])
def test_what_names_no_scenario_is_said(tmp_path, word):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no scenario there"):
        find_scenarios([tmp_path / word])


def test_every_combination_is_a_run_with_a_speaking_name(tmp_path):
    what_ifs = write_batch(tmp_path, 1, SWEEP)
    jobs = jobs_of([tmp_path / "baseline.toml", *find_scenarios([what_ifs])], tmp_path / "out")
    assert [(job.name, job.out.name, job.start) for job in jobs] == [
        ("test", "test", None),
        ("more 00, service 1", "more-00-service-1", "test"),
        ("more 00, service 2.5", "more-00-service-2.5", "test"),
    ]
    assert jobs[2].settings == ("weights.service=2.5", 'name="more 00, service 2.5"')


def test_a_sweep_alone_starts_from_its_first_run(tmp_path):
    jobs = jobs_of(find_scenarios([write_batch(tmp_path, 1, SWEEP)]), tmp_path / "out")
    assert [job.start for job in jobs] == [None, "more 00, service 1"]


def test_a_baseline_that_is_named_comes_first_and_starts_all(tmp_path):
    what_ifs = find_scenarios([write_batch(tmp_path, 2)])
    jobs = jobs_of(what_ifs, tmp_path / "out", baseline=tmp_path / "baseline.toml")
    assert [(job.name, job.start) for job in jobs] == [("test", None), ("more 00", "test"), ("more 01", "test")]


def test_scenarios_of_one_name_keep_apart(tmp_path):
    what_ifs = write_batch(tmp_path, 2)
    for path in what_ifs.iterdir():
        path.write_text(path.read_text().replace('name = "more 00"', 'name = "same"').replace("more 01", "same"))
    jobs = jobs_of(find_scenarios([what_ifs]), tmp_path / "out")
    assert [(job.name, job.out.name) for job in jobs] == [
        ("same (more-00)", "same-more-00"), ("same (more-01)", "same-more-01")
    ]  # fmt: skip


def test_threads_are_capped_and_only_then_said(tmp_path):
    jobs = jobs_of([tmp_path / "baseline.toml"], tmp_path / "out") if write_batch(tmp_path, 0) else []
    assert (jobs[0].threads, jobs[0].settings) == (1, ())
    (many,) = jobs_of([tmp_path / "baseline.toml"], tmp_path / "out", ["solve.threads=8"], threads=2)
    assert (many.threads, many.settings) == (2, ("solve.threads=8", "solve.threads=2"))


def test_a_scenario_that_cannot_be_read_is_a_job_with_a_fault(tmp_path):
    what_ifs = write_batch(tmp_path, 1)
    (what_ifs / "wrong.toml").write_text("base = 3\n")
    jobs = jobs_of(find_scenarios([what_ifs]), tmp_path / "out")
    assert [bool(job.fault) for job in jobs] == [False, True]
    assert "wrong.toml:1" in jobs[1].fault


@pytest.mark.parametrize(("codes", "code"), [
    ([0, 0], 0), ([0, 4], 4), ([4, 5, 0], 5), ([5, 3], 3), ([3, 2], 2), ([2, 6], 6), ([6, 1, 0], 1), ([], 0),
])  # fmt: skip
def test_the_worst_exit_code(codes, code):
    assert worst(codes) == code


def test_names_of_folders():
    assert slug("Was, wenn … service 0.5?") == "was-wenn-service-0.5"
    assert slug("…") == "run"
    assert usable_cores() >= 1
