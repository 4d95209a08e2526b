"""Prometheus's text."""

from http_api.metrics import Histogram, Metrics, Numbers


def test_a_counter_has_a_number_for_each_set_of_labels() -> None:
    """A counter has one number for each set of labels, sorted, with its meaning and type."""
    numbers = Numbers("tts_x_total", "What.")
    numbers.add(route="/b")
    numbers.add(2, route="/a")
    numbers.add(route="/a")

    assert list(numbers.lines()) == [
        "# HELP tts_x_total What.",
        "# TYPE tts_x_total counter",
        'tts_x_total{route="/a"} 3',
        'tts_x_total{route="/b"} 1',
    ]


def test_a_label_can_not_break_out_of_its_quotes() -> None:
    """Quotes, backslashes and line ends in a label are escaped."""
    numbers = Numbers("x", "What.")
    numbers.add(code='a"\\\n')

    assert list(numbers.lines())[-1] == r'x{code="a\"\\\n"} 1'


def test_a_histogram_counts_what_is_within_each_bound() -> None:
    """A histogram counts cumulatively what is within each bound, with the sum and the count."""
    histogram = Histogram("x", "What.", (0.5, 1.0))
    for value in (0.1, 0.7, 3.0):
        histogram.observe(value)

    assert list(histogram.lines())[2:] == [
        'x_bucket{le="0.5"} 1',
        'x_bucket{le="1.0"} 2',
        'x_bucket{le="+Inf"} 3',
        "x_sum 3.8",
        "x_count 3",
    ]


def test_a_reply_tells_how_fast_the_worker_was() -> None:
    """A reply has the worker's seconds for each second of speech, and the time that it waited."""
    metrics = Metrics()
    metrics.spoken({"duration": 4.0, "timings": {"total": 2.0, "queue": 0.5}})
    metrics.spoken({"duration": 4.0})

    assert (metrics.factor.count, metrics.factor.total) == (1, 0.5)
    assert metrics.queue.total == 0.5


def test_each_measure_has_a_name_of_its_own() -> None:
    """Each metric has its own name, and all are in the text from the start."""
    lines = Metrics().text().splitlines()

    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) == 10
    assert {"tts_time_to_first_audio_seconds", "tts_real_time_factor", "tts_audio_seconds_total"} <= set(names)


def test_a_counter_moves_on_beyond_a_million() -> None:
    """A counter beyond a million shows every digit."""
    numbers = Numbers("x", "What.")
    numbers.add(1_234_567)
    numbers.add(3)

    assert list(numbers.lines())[-1] == "x 1234570"
