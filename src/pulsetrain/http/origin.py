"""Where a request comes from, judged by its headers alone: Host, Origin, Referer, Sec-Fetch-*.

Any page that a browser shows can send requests to 127.0.0.1, and a run is code. So these rules hold on loopback too.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from pulsetrain.core.tokens import is_loopback
from pulsetrain.model.errors import BadRequest, Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_BROWSERS = frozenset({"origin", "referer", "sec-fetch-site", "sec-fetch-mode"})
_WILDCARDS = frozenset({"", "0.0.0.0", "::", "*"})
_REMOTE = "See docs/how-to/remote-access.md."


class Hosts:
    """The names under which this server may be addressed.

    DNS rebinding: a foreign page's name is made to point to 127.0.0.1, so that the browser takes this server for that
    page's own. The Host header then still holds the foreign name, which is in no list. A numeric address cannot be
    rebound, so a server bound to every address answers to each of them.
    """

    def __init__(self, bound: str, allowed: Collection[str] = ()) -> None:
        self._names = {"localhost", bound.lower().strip("[]"), *(name.lower().strip("[]") for name in allowed)}
        self._every_address = bound in _WILDCARDS
        if self._every_address:
            self._names |= {socket.gethostname().lower()}

    def check(self, hosts: Collection[str]) -> None:
        """Raise Forbidden unless `hosts`, the request's Host headers, is one allowed name."""
        if len(hosts) != 1:
            raise Forbidden("A request needs one Host header.", hint="Send the name under which you reach the server.")
        name = _name(next(iter(hosts)))
        if name in self._names or is_loopback(name) or (self._every_address and _is_address(name)):
            return
        raise Forbidden(
            f"This server does not answer to the name {name!r}: a foreign page could have pointed it here.",
            hint=f"If it is yours, start the server with --allow-host {name}. {_REMOTE}",
        )


def _name(host: str) -> str:
    """`host` without its port, in lower case, without the brackets of IPv6 and a final dot."""
    host = host.strip().lower()
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return name.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def check_origin(
    method: str, headers: Mapping[str, str], *, websocket: bool = False, allowed: Collection[str] = ()
) -> None:
    """Raise Forbidden if a page of another origin sends this request.

    Requests that change something and WebSockets are taken from own pages and from programs (which send none of these
    headers). Reads are protected by the browser, which shows no answer to a foreign page; they are refused where the
    browser says that one asks, so that no foreign page can hold streams open here. `allowed` are the origins of pages
    that whoever started the server lets in.
    """
    if _OF_BROWSERS.isdisjoint(headers):
        return
    if headers.get("origin", "").lower() in allowed:
        return
    site = headers.get("sec-fetch-site", "none")
    if method in SAFE and not websocket:
        if site == "cross-site" and headers.get("sec-fetch-mode") not in (None, "navigate"):
            raise Forbidden("A page of another site asks for this.", hint="Open the address itself instead.")
        return
    origin = headers.get("origin")
    if origin is not None and not _own(origin, headers.get("host", "")):
        raise Forbidden(
            f"A page of {origin!r} may not do this.",
            hint=f"Use the server's own page. Behind a proxy, let it pass the Host header on. {_REMOTE}",
        )
    if site not in ("same-origin", "none"):
        raise Forbidden("A page of another origin may not do this.", hint="Use the server's own page.")
    referer = headers.get("referer")
    if origin is None and referer is not None and not _own(referer, headers.get("host", "")):
        raise Forbidden("A page of another origin may not do this.", hint="Use the server's own page.")


def origin(text: str) -> str:
    """`text` as browsers write an origin. Raises BadRequest if it is none."""
    try:
        parts = urlsplit(text.strip().lower())
        whole = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme in ("http", "https") and parts.hostname and text.strip().lower().rstrip("/") == whole:
            return whole
    except ValueError:
        pass
    raise BadRequest(
        f"{text!r} is not an origin.", hint="An origin is scheme, name and port, such as https://lab.example:8443."
    )


def _own(address: str, host: str) -> bool:
    """Whether `address` (an Origin or a Referer) is this server as the request itself names it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.strip().lower()
