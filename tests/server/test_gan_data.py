"""CSV files in the GAN dashboard's dialect, over HTTP (CONTRACTS A)."""

from __future__ import annotations

from pathlib import Path

from server.data_site import Site, on_site

WINE = b"alcohol,class\n12.5,a\n13.1,b\n"


def test_csv_files(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        uploaded = (await here.upload("wine.csv", WINE, "/api/upload_csv")).json()
        assert uploaded == {
            "success": True,
            "message": "Uploaded wine.csv",
            "preview": {"filename": "wine.csv", "size": len(WINE), "type": "text/csv"},
        }
        shown = (await here.client.get("/api/preview_csv", params={"filename": "wine.csv"})).json()
        assert (shown["success"], shown["filename"]) == (True, "wine.csv")
        assert shown["data_info"] == {
            "data_type": "table", "row_count": 2, "column_count": 2, "columns": ["alcohol", "class"],
            "dtypes": {"alcohol": "Float64", "class": "String"}, "missing_values": {"alcohol": 0, "class": 0},
            "numeric_columns": ["alcohol"], "categorical_columns": ["class"], "datetime_columns": [],
            "sample_data": [{"alcohol": 12.5, "class": "a"}, {"alcohol": 13.1, "class": "b"}],
            "summary_stats": {
                "alcohol": {
                    "count": 2, "mean": 12.8, "std": shown["data_info"]["summary_stats"]["alcohol"]["std"], "min": 12.5,
                    "25%": 12.65, "50%": 12.8, "75%": 12.95, "max": 13.1,
                },
            },
        }  # fmt: skip
        assert shown["plot_data"] == {"alcohol": [12.5, 13.1], "index": [0, 1]}
        await here.upload("series.csv", b"day,x\n2026-01-01,1\n2026-01-02,2\n", "/api/upload_csv")
        series = (await here.client.get("/api/preview_csv", params={"filename": "series.csv"})).json()
        assert series["data_info"]["data_type"] == "time_series"
        assert series["plot_data"]["index"] == ["2026-01-01T00:00:00", "2026-01-02T00:00:00"]
        for code, name in [(400, None), (400, " "), (404, "no.csv"), (404, "../log.db"), (404, "/etc/passwd")]:
            refused = await here.client.get("/api/preview_csv", params={"filename": name} if name else {})
            assert (refused.status_code, refused.json()["success"]) == (code, False)
        for code, name, content in [(422, "x.csv", b""), (400, "../x.csv", WINE), (413, "x.csv", b"a,b\n" * 300_000)]:
            refused = await here.upload(name, content, "/api/upload_csv")
            assert (refused.status_code, set(refused.json())) == (code, {"success", "error"})

    on_site(tmp_path, body)


def test_the_sample_is_an_order_book(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        made = (await here.client.post("/api/generate_sample")).json()
        assert (made["success"], made["summary"], len(made["preview"])) == (True, {"total_records": 4000}, 10)
        assert made["preview"][0]["symbol"] == "2Y_ON"
        shown = (await here.client.get("/api/preview_csv", params={"filename": made["filename"]})).json()["data_info"]
        assert (shown["data_type"], len(shown["sample_data"])) == ("multi_level_order_book", 5)
        book = shown["order_book_info"]
        assert {key: len(names) for key, names in book.items()} == {
            "bid_columns": 10, "ask_columns": 10, "price_columns": 11, "size_columns": 10, "level_columns": 20,
        }  # fmt: skip

    on_site(tmp_path, body, upload_limit=8 << 20)
