from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsetrain.trainers.tabular_gan.columns import MAX_VALUES, Category, Constant, Label, Numeric, fit
from pulsetrain.trainers.tabular_gan.transform import Transform


def round_trip(frame: pl.DataFrame) -> pl.DataFrame:
    """There and back, the transform itself having gone through JSON as it does in a model file."""
    fitted = Transform.fitted(frame, seed=0)
    transform = msgspec.json.decode(msgspec.json.encode(fitted), type=Transform)
    return transform.decode(transform.encode(frame, seed=0), seed=0)


def test_a_table_of_every_kind_comes_back(mixed: pl.DataFrame) -> None:
    back = round_trip(mixed)
    assert back.columns == mixed.columns
    for name in ("age", "gain", "city", "member", "since", "unit", "nothing"):
        assert back[name].to_list() == mixed[name].to_list(), name
    assert back["price"].is_null().to_list() == mixed["price"].is_null().to_list()
    assert (back["price"] - mixed["price"]).abs().max() < 0.02  # type: ignore[operator]  # a number column has one
    assert not set(back["name"]) & set(mixed["name"]), "names of rows are never copied"
    assert back["name"].n_unique() == len(back)


cells = st.lists(st.one_of(st.none(), st.text(max_size=8)), min_size=1, max_size=60)
whole = st.lists(st.one_of(st.none(), st.integers(-(2**50), 2**50)), min_size=1, max_size=60)
floats = st.lists(
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=32)), min_size=1, max_size=60
)
times = st.lists(
    st.one_of(st.none(), st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))), min_size=1, max_size=60
)


@settings(max_examples=60, deadline=None)
@given(cells)
def test_texts_come_back(values: list[str | None]) -> None:
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
    assert round_trip(frame)["x"].to_list() == values


@settings(max_examples=60, deadline=None)
@given(whole)
def test_whole_numbers_come_back_near_and_whole(values: list[int | None]) -> None:
    _check_numbers(pl.Series("x", values, dtype=pl.Int64))


@settings(max_examples=60, deadline=None)
@given(floats)
def test_numbers_come_back_near(values: list[float | None]) -> None:
    _check_numbers(pl.Series("x", values, dtype=pl.Float64))


@settings(max_examples=60, deadline=None)
@given(times)
def test_times_come_back_near(values: list[datetime | None]) -> None:
    _check_numbers(pl.Series("x", values, dtype=pl.Datetime("us")))


def _check_numbers(series: pl.Series) -> None:
    """Same type, missing stays missing, and nothing leaves the range that was seen."""
    back = round_trip(series.to_frame())["x"]
    assert back.dtype == series.dtype
    finite = series.is_not_null()
    if series.dtype.is_float():
        finite = finite & series.is_finite().fill_null(False)
    assert back.is_not_null().to_list() == finite.to_list()
    here, there = series.filter(finite), back.filter(finite)
    if len(here):
        assert there.min() >= here.min()  # type: ignore[operator]  # both have values
        assert there.max() <= here.max()  # type: ignore[operator]  # both have values
    if here.n_unique() <= 24:
        assert there.to_list() == here.to_list()


def test_a_value_that_many_rows_share_comes_back_exactly() -> None:
    random = np.random.default_rng(0)
    values = np.where(random.random(2000) < 0.6, 0.0, random.lognormal(5, 2, 2000))
    column = fit(pl.Series("gain", values), seed=0)
    assert isinstance(column, Numeric)
    assert column.atoms == [0.0]
    alpha, codes = column.encode(pl.Series("gain", values), random)
    back = column.decode(alpha, codes, random).to_numpy()
    assert np.array_equal(back == 0, values == 0)
    assert np.corrcoef(np.log1p(back), np.log1p(values))[0, 1] > 0.999


def test_an_even_column_has_no_atoms() -> None:
    ages = pl.Series("age", np.random.default_rng(0).integers(18, 45, 3000))
    column = fit(ages, seed=0)
    assert isinstance(column, Numeric)
    assert column.atoms == []


def test_a_mode_for_each_hill() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(-100, 1, 500), random.normal(0, 5, 500), random.normal(1000, 20, 500)])
    column = fit(pl.Series("x", values), seed=0)
    assert isinstance(column, Numeric)
    for hill in (-100, 0, 1000):
        assert min(abs(mean - hill) for mean in column.means) < 25


@pytest.mark.parametrize(("values", "kind"), [([None] * 20, Constant), ([3] * 20, Constant), ([1, 2] * 10, Numeric)])
def test_columns_that_do_not_vary_are_carried_through(values: list[int | None], kind: type) -> None:
    series = pl.Series("x", values, dtype=pl.Int64)
    assert isinstance(fit(series, seed=0), kind)
    assert round_trip(series.to_frame())["x"].to_list() == values


@pytest.mark.parametrize("value", [date(2020, 2, 29), datetime(2020, 2, 29, 12, 30)])
def test_a_constant_time_is_carried_through(value: date) -> None:
    frame = pl.DataFrame({"x": [value] * 12})
    assert round_trip(frame)["x"].to_list() == [value] * 12


def test_rare_texts_are_learnt_as_one_and_drawn_by_frequency() -> None:
    values = [f"word {row % 20}" for row in range(2000)] + [f"rare {row}" for row in range(300) for _ in range(2)]
    column = fit(pl.Series("x", values), seed=0)
    assert isinstance(column, Category)
    assert column.width == MAX_VALUES + 1
    back = round_trip(pl.DataFrame({"x": values}))["x"]
    assert set(back) <= set(values)
    assert back.filter(back.str.starts_with("word")).to_list() == values[:2000]
    assert "learnt as one" in Transform([column]).notes()[0]


def test_names_of_rows_are_made_up() -> None:
    column = fit(pl.Series("id", [None, *(f"u-{row}" for row in range(500))]), seed=0)
    assert isinstance(column, Label)
    assert "new names are made up" in Transform([column]).notes()[0]


def test_times_are_written_as_they_were(tmp_path: Path) -> None:
    days = [datetime(2024, 1, 1) + timedelta(days=day % 90) for day in range(200)]
    frame = pl.DataFrame({"day": days, "at": [day + timedelta(hours=1) for day in days]})
    transform = Transform.fitted(frame, 0, {"day": "%d.%m.%Y", "at": "%Y-%m-%dT%H:%M:%S%#z"})
    transform.write_csv(transform.decode(transform.encode(frame, 0), 0), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "01.01.2024,2024-01-01T01:00:00+00:00"


def test_a_wide_table_keeps_fewer_values_apart() -> None:
    wide = pl.DataFrame({f"c{place}": [f"w{row % 60}" for row in range(240)] for place in range(150)})
    widths = Transform.fitted(wide, seed=0).widths
    assert max(widths) <= 4000 // 150 + 1
