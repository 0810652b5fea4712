"""Examples for language understanding over HTTP: listed, searched, changed one version at a time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pulsetrain.core.workers import describe_tables
from server.data_site import Site, on_site

JAZZ = {"text": "play some jazz", "intent": "play", "entities": [{"start": 10, "end": 14, "label": "genre"}]}
RAIN = {"text": "will it rain in Zürich", "intent": "weather", "entities": [{"start": 16, "end": 22, "label": "city"}]}
HELLO = {"text": "hello", "intent": "greet", "entities": []}
LINES = "".join(json.dumps(one) + "\n" for one in (JAZZ, RAIN, {**HELLO, "split": "train"}))
SET = "/api/datasets/assistant.jsonl"


async def listed(here: Site, query: str = "") -> dict[str, Any]:
    answer = await here.client.get(f"{SET}/examples{query}")
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    assert answer.headers["etag"] == f'"{page["digest"]}"'
    return page


def texts(page: dict[str, Any]) -> list[tuple[int, str]]:
    return [(one["index"], one["text"]) for one in page["examples"]]


def test_examples_are_listed_and_searched(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        dataset = (await here.upload("assistant.jsonl", LINES.encode())).json()["dataset"]
        assert (dataset["format"], dataset["task"], dataset["rows"], dataset["problems"]) == ("jsonl", "nlu", 3, [])
        page = await listed(here)
        assert page["examples"] == [
            {"index": index, **one, "problem": None} for index, one in enumerate((JAZZ, RAIN, HELLO))
        ]
        assert (page["total"], page["digest"]) == (3, dataset["digest"])
        assert page["intents"] == {"greet": 1, "play": 1, "weather": 1}
        assert page["labels"] == ["city", "genre"]
        assert texts(await listed(here, "?offset=1&limit=1")) == [(1, RAIN["text"])]
        for query, found in {"ZÜRICH": [1], "city rain": [1], "play": [0], "play rain": [], "GENRE": [0]}.items():
            page = await listed(here, f"?q={query}")
            assert ([index for index, _ in texts(page)], page["total"]) == (found, len(found))
        assert (await here.client.get(f"{SET}/examples?limit=0")).status_code == 400

    on_site(tmp_path, body)


def test_each_change_is_the_next_version_and_says_what_it_was_made_for(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        first = (await here.upload("assistant.jsonl", LINES.encode())).json()["dataset"]
        changed = {**HELLO, "text": "hello there"}
        answer = await here.client.put(f"{SET}/examples/2", json=changed, headers={"If-Match": f'"{first["digest"]}"'})
        assert answer.status_code == 200
        second = answer.json()["dataset"]
        assert (second["version"], second["rows"], second["title"]) == (2, 3, first["title"])
        # Somebody else still has the first version before them: nothing of theirs is lost, and nothing of ours.
        for change in (
            here.client.put(f"{SET}/examples/0", json=HELLO, headers={"If-Match": first["digest"]}),
            here.client.delete(f"{SET}/examples/0", headers={"If-Match": first["digest"]}),
            here.client.post(f"{SET}/examples", json={"examples": [HELLO]}, headers={"If-Match": first["digest"]}),
        ):
            refused = await change
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "dataset_changed")
        file = (await here.client.get(f"{SET}/file")).text.splitlines()
        # A line keeps what else it says, and lines that nobody touched stay byte for byte.
        assert json.loads(file[2]) == {**changed, "split": "train"}
        assert file[:2] == LINES.splitlines()[:2]
        third = (await here.client.delete(f"{SET}/examples/0")).json()["dataset"]
        assert (third["version"], third["rows"]) == (3, 2)
        assert texts(await listed(here)) == [(0, RAIN["text"]), (1, "hello there")]
        assert (await here.client.get(f"{SET}/file?version=1")).text == LINES
        for index in (2, 99):
            assert (await here.client.delete(f"{SET}/examples/{index}")).status_code == 400
        assert (await here.client.delete(f"{SET}/examples/-1")).status_code == 404

    on_site(tmp_path, body)


def test_many_are_added_or_none(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        await here.upload("assistant.jsonl", LINES.encode())
        late = {**JAZZ, "entities": [{"start": 10, "end": 15, "label": "genre"}]}
        bad = [JAZZ, {"text": "", "intent": "x"}, RAIN, late, "nonsense"]
        refused = await here.client.post(f"{SET}/examples", json={"examples": bad})
        assert refused.status_code == 422
        assert refused.json()["error"]["problems"] == [
            {"row": 2, "message": "The text is empty."},
            {"row": 4, "message": "Entity 1 (genre) ends at 15, and the text has 14 characters."},
            {"row": 5, "message": "The example is not an object."},
        ]
        assert (await listed(here))["total"] == 3
        many = [{"text": f"say {number}", "intent": "say"} for number in range(5000)]
        added = await here.client.post(f"{SET}/examples", json={"examples": many})
        assert (added.status_code, added.json()["dataset"]["rows"]) == (201, 5003)
        assert (await here.client.post(f"{SET}/examples", json={"examples": []})).status_code == 400
        assert (await here.client.post(f"{SET}/examples", json={"examples": many * 3})).status_code == 400
        assert texts(await listed(here, "?offset=5002")) == [(5002, "say 4999")]

    on_site(tmp_path, body)


def test_what_is_said_after_an_edit_is_what_a_reader_of_the_file_finds(tmp_path: Path) -> None:
    wrong = {**JAZZ, "entities": [{"start": 0, "end": 99, "label": "genre"}]}
    content = LINES * 5 + "{broken\n" + json.dumps(wrong) + "\n"

    async def body(here: Site) -> None:
        dataset = (await here.upload("assistant.jsonl", content.encode())).json()["dataset"]
        assert [one["row"] for one in dataset["problems"]] == [16, 17]
        page = await listed(here, "?offset=15")
        assert (page["examples"][0]["text"], page["examples"][0]["problem"]) == (
            "{broken",
            "The line is no JSON object.",
        )
        assert "ends at 99" in page["examples"][1]["problem"]
        edited = (await here.client.put(f"{SET}/examples/0", json=HELLO)).json()["dataset"]
        [facts] = await describe_tables([tmp_path / "datasets" / "assistant.jsonl"])
        assert (edited["rows"], edited["columns"], edited["task"], edited["problems_total"]) == (
            facts.rows, facts.columns, facts.task, facts.problems_total,
        )  # fmt: skip
        assert [one["row"] for one in edited["problems"]] == [one.row for one in facts.problems]
        # Mending them mends the data set.
        await here.client.put(f"{SET}/examples/15", json=JAZZ)
        mended = (await here.client.put(f"{SET}/examples/16", json=JAZZ)).json()["dataset"]
        assert (mended["problems"], mended["rows"]) == ([], 17)

    on_site(tmp_path, body)


def test_edits_at_the_same_time_all_take_effect(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        await here.upload("assistant.jsonl", LINES.encode())
        added = [
            here.client.post(f"{SET}/examples", json={"examples": [{"text": f"n {number}", "intent": "n"}]})
            for number in range(8)
        ]
        assert [answer.status_code for answer in await asyncio.gather(*added)] == [201] * 8
        found = [text for _, text in texts(await listed(here)) if text.startswith("n ")]
        assert sorted(found) == [f"n {number}" for number in range(8)]
        assert (await here.client.get(SET)).json()["dataset"]["version"] == 9

    on_site(tmp_path, body)


def test_sets_begin_empty_are_named_and_are_emptied(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        examples = here.parts.examples
        _, dataset = await examples.create("assistant", title="My assistant")
        assert (dataset.id, dataset.title, dataset.rows, dataset.task) == (
            "assistant.jsonl",
            "My assistant",
            None,
            "nlu",
        )
        assert dataset.problem == "It has no examples yet."
        _, dataset = await examples.add("assistant.jsonl", [JAZZ])
        assert (dataset.rows, dataset.problem) == (1, None)
        _, dataset = await here.parts.datasets.rename("assistant.jsonl", "  Our   assistant ")
        assert (dataset.title, dataset.version) == ("Our assistant", 2)
        _, dataset = await examples.remove("assistant.jsonl", 0)
        assert dataset.problem == "It has no examples yet."
        assert (await listed(here))["total"] == 0
        _, other = await examples.create("assistant.jsonl", [HELLO])
        assert (other.id, other.rows) == ("assistant-2.jsonl", 1)

    on_site(tmp_path, body)


def test_what_has_no_examples_says_so(tmp_path: Path) -> None:
    async def body(here: Site) -> None:
        await here.upload("wine.csv", b"a,b\n1,2\n2,3\n")
        for answer in (
            await here.client.get("/api/datasets/wine.csv/examples"),
            await here.client.post("/api/datasets/wine.csv/examples", json={"examples": [HELLO]}),
            await here.client.put("/api/datasets/wine.csv/examples/0", json=HELLO),
        ):
            assert answer.status_code == 400
            assert "has no examples" in answer.json()["error"]["message"]
        assert (await here.client.get("/api/datasets/none.jsonl/examples")).status_code == 404

    on_site(tmp_path, body)
