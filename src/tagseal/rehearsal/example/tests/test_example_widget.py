from example_widget import count


def test_an_empty_box_holds_nothing() -> None:
    assert count({}) == 0


def test_all_kinds_are_counted() -> None:
    assert count({"gear": 2, "spring": 3}) == 5
