"""What the server counts, read as Prometheus reads it."""

from __future__ import annotations

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from pulsetrain.http.metrics import routes
from server.sse_site import RUN, Site, line, on_site
from server.test_ws import talk


async def numbers(site: Site) -> dict[str, float]:
    """All samples, by name and labels."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.port}", trust_env=False) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(value for _, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_the_numbers_are_what_happened(tmp_path: Path) -> None:
    async def body(site: Site) -> None:
        before = await numbers(site)
        stream, other = await site.live(), await site.live(f"?run={RUN}")
        async with talk(site, "?cursor=now") as socket:
            await socket.next("live")
            for _ in range(10):
                await site.append(line())
            for reader in (stream, other):
                await reader.seqs(10)
            await socket.seqs(10)
            gone = await site.get("?cursor=abcdefgh-1")
            await gone.until(lambda frame: frame.event == "live")
            generation = site.log.view().generation
            served = await site.get(f"?cursor={generation}-4")
            assert await served.seqs(6) == [5, 6, 7, 8, 9, 10]
            now = await numbers(site)
        assert before["pulsetrain_connections{sse}"] == 0
        assert (now["pulsetrain_connections{sse}"], now["pulsetrain_connections{websocket}"]) == (4, 1)
        assert now["pulsetrain_events_out_total{sse}"] == 26 and now["pulsetrain_events_out_total{websocket}"] == 10
        assert now["pulsetrain_bytes_out_total{sse}"] > 26 * 100
        assert now["pulsetrain_delivery_seconds_count"] == now["pulsetrain_delivery_seconds_bucket{+Inf}"] == 30
        assert 0 < now["pulsetrain_delivery_seconds_sum"] < 30
        assert (now["pulsetrain_log_tail"], now["pulsetrain_log_oldest"], now["pulsetrain_readers"]) == (10, 1, 5)
        assert now["pulsetrain_resumes_total{served}"] == now["pulsetrain_resumes_total{generation}"] == 1
        assert now["pulsetrain_resets_total{generation}"] == 1
        assert now["pulsetrain_cursor_lag_events"] == 0 and now["pulsetrain_tasks"] >= 1

    on_site(tmp_path, body, routes=routes)


def test_after_a_restart_a_stampede_barely_touches_the_store(tmp_path: Path) -> None:
    async def first(site: Site) -> None:
        for _ in range(50):
            await site.append(*(line() for _ in range(20)))

    async def second(site: Site) -> None:
        await site.hub.warm()
        generation = site.log.view().generation
        readers = [await site.get(f"?cursor={generation}-{1000 - n % 100}") for n in range(100)]
        for n, reader in enumerate(readers):
            assert await reader.seqs(n % 100) == list(range(1001 - n % 100, 1001))
        await site.append(line())
        for reader in readers:
            assert await reader.seqs(1) == [1001]
        assert (await numbers(site))["pulsetrain_store_reads_total"] == 0
        old = await site.get("?cursor=0")
        assert await old.seqs(1001) == list(range(1, 1002))

    on_site(tmp_path, first, routes=routes)
    on_site(tmp_path, second, routes=routes)
