"""The server's token, its sessions, and how often one may guess."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pulsetrain.core.tokens import MIN_LENGTH, SESSION_SECONDS, Attempts, Tokens, is_loopback, require_token
from pulsetrain.model.errors import TokenRequired, TooManyAttempts

TOKEN = "correct horse battery staple"


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def _right(tokens: Tokens, *guesses: str, address: str = "10.0.0.1") -> list[bool]:
    async def ask() -> list[bool]:
        return [await tokens.right(guess, address) for guess in guesses]

    return asyncio.run(ask())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    require_token(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "gpu-box.lan", "2001:db8::1", "localhost.evil"])
def test_any_wider_bind_needs_a_token(host: str) -> None:
    with pytest.raises(TokenRequired, match="run code here") as refused:
        require_token(host, None)
    assert "PULSETRAIN_TOKEN=" in refused.value.hint
    require_token(host, "x" * MIN_LENGTH)


@pytest.mark.parametrize("token", ["", "short", "x" * 5000])
def test_a_token_has_a_fair_length(token: str) -> None:
    with pytest.raises(TokenRequired, match="characters"):
        require_token("127.0.0.1", token)


def test_without_a_token_nothing_is_required_and_nothing_written(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    assert not tokens.required
    assert list(tmp_path.iterdir()) == []
    assert _right(tokens, "anything") == [False]


def test_the_file_holds_no_secret_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    tokens = Tokens(file, TOKEN)
    session = tokens.open_session()
    assert file.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in file.read_text() and session not in file.read_text()
    assert [found.name for found in tmp_path.iterdir()] == ["tokens.json"]


def test_only_the_token_is_right(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json", TOKEN)
    assert _right(tokens, TOKEN, TOKEN + " ", "", TOKEN.upper(), "x" * 100_000, TOKEN) == [
        True,
        False,
        False,
        False,
        False,
        True,
    ]
    assert tokens.known(TOKEN) is True


def test_sessions_outlive_a_restart_with_the_same_token_but_not_another_token(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    first = Tokens(file, TOKEN)
    session, cookie = first.open_session(), first.cookie
    again = Tokens(file, TOKEN)
    assert again.session_valid(session) and again.cookie == cookie
    other = Tokens(file, "another token altogether")
    assert not other.session_valid(session)
    assert not Tokens(file, TOKEN).session_valid(session), "the old token came back and must not bring its sessions"


def test_a_closed_and_an_old_session_open_nothing(tmp_path: Path) -> None:
    clock = Time()
    tokens = Tokens(tmp_path / "tokens.json", TOKEN, clock=clock)
    closed, kept = tokens.open_session(), tokens.open_session()
    tokens.close_session(closed)
    assert not tokens.session_valid(closed) and tokens.session_valid(kept)
    assert not tokens.session_valid("") and not tokens.session_valid("made up")
    clock.now += SESSION_SECONDS + 1
    assert not tokens.session_valid(kept)


def test_a_broken_file_logs_out_and_does_not_open(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text('{"salt": "')
    tokens = Tokens(file, TOKEN)
    assert tokens.required
    assert _right(tokens, "guess", TOKEN) == [False, True]


def test_guessing_is_stopped_for_the_guesser_and_goes_on_later(tmp_path: Path) -> None:
    clock = Time()
    tokens = Tokens(tmp_path / "tokens.json", TOKEN, attempts=Attempts(each=3, window_seconds=60, clock=clock))
    assert _right(tokens, "guess 1", "guess 2", "guess 3") == [False] * 3
    with pytest.raises(TooManyAttempts) as refused:
        _right(tokens, "guess 4")
    assert refused.value.retry_seconds == 60
    with pytest.raises(TooManyAttempts):
        _right(tokens, TOKEN)
    assert _right(tokens, TOKEN, address="10.0.0.2") == [True], "others are not locked out"
    assert _right(tokens, TOKEN) == [True], "nor is who knew the token before"
    clock.now += 60
    assert _right(tokens, "guess 5") == [False]


def test_the_same_wrong_token_counts_once(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json", TOKEN, attempts=Attempts(each=2))
    assert _right(tokens, *["an old token"] * 20) == [False] * 20
    assert _right(tokens, TOKEN) == [True]


def test_guessing_from_many_addresses_is_stopped_too(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json", TOKEN, attempts=Attempts(each=3, together=5))
    for number in range(5):
        assert _right(tokens, f"guess {number}", address=f"10.0.0.{number}") == [False]
    with pytest.raises(TooManyAttempts):
        _right(tokens, "guess 5", address="10.0.0.9")
