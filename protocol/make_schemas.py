"""Write `protocol/schemas/*.json` from the code's own types: `python protocol/make_schemas.py`."""

from pathlib import Path

from pulsetrain.wire.schemas import schemas


def main() -> None:
    folder = Path(__file__).parent / "schemas"
    folder.mkdir(exist_ok=True)
    made = schemas()
    for old in folder.glob("*.json"):
        if old.name not in made:
            old.unlink()
    for name, body in made.items():
        (folder / name).write_bytes(body)


if __name__ == "__main__":
    main()
