"""What redis-benchmark printed."""

from __future__ import annotations

import pytest

from benchmarks.data_path.load import parse

HEAD = (
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms",'
    '"p99_latency_ms","max_latency_ms"\n'
)
LINE = '"GET","58823.53","0.456","0.120","0.447","0.807","1.095","2.135"\n'


def test_rate_and_latencies_are_read_by_the_names_of_their_columns() -> None:
    assert parse(HEAD + LINE) == (58823.53, 0.447, 1.095)


def test_a_warning_before_the_result_is_no_result() -> None:
    assert parse(f"WARNING: Could not fetch server CONFIG\n{HEAD}{LINE}").__class__ is tuple


@pytest.mark.parametrize(
    "output",
    ["", HEAD, HEAD + LINE + LINE, '"test","rps"\n"GET","58823.53"\n'],
    ids=["nothing", "no test", "two tests", "an older redis-benchmark, without latencies"],
)
def test_output_without_exactly_one_whole_result_is_refused(output: str) -> None:
    with pytest.raises(ValueError, match=r"result of one test|missing"):
        parse(output)
