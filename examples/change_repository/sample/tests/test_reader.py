import pytest

from tally.reader import parse_amount, read_all

ROWS = "date,category,amount,note\n2025-03-01,Food,12.5,market\n2025-03-02,rent,800,\n"


@pytest.mark.parametrize(("text", "cents"), [("12.5", 1250), ("12,50", 1250), ("7", 700), ("0.05", 5)])
def test_amounts_are_read_in_cents(text, cents):
    assert parse_amount(text) == cents


@pytest.mark.parametrize("text", ["", "-3", "1.234", "12.x", "a lot"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="is not an amount"):
        parse_amount(text)


def test_rows_become_expenses_in_order(tmp_path):
    path = tmp_path / "march.csv"
    path.write_text(ROWS, encoding="utf-8")
    read = [(expense.category, expense.cents, expense.note) for expense in read_all([str(path)])]
    assert read == [("food", 1250, "market"), ("rent", 80000, None)]


def test_a_file_without_the_columns_is_refused(tmp_path):
    path = tmp_path / "march.csv"
    path.write_text("date,amount\n2025-03-01,3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks columns: category, note"):
        read_all([str(path)])
