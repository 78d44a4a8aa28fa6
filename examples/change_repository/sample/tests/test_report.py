import sys

from tally.report import format_cents, main, render


def test_cents_are_written_with_two_digits():
    assert [format_cents(cents) for cents in (5, 1250, 123450)] == ["0.05", "12.50", "1234.50"]


def test_lines_are_aligned_and_sorted():
    sums = {("2025-04", "rent"): 80000, ("2025-03", "groceries"): 1500}
    assert render(sums) == "2025-03  groceries       15.00\n2025-04  rent           800.00"


def test_nothing_to_report_is_said():
    assert render({}) == "no expenses"


def test_a_missing_file_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tally", str(tmp_path / "absent.csv")])
    assert main() == 1
    assert capsys.readouterr().err.startswith("tally: ")
