"""Sees to it that the tests have nginx, HAProxy and Caddy as Debian ships them.

The packages are fetched and unpacked into a folder of this Python environment, never installed: that needs no root,
and nothing becomes a service of the machine. What the machine has already is used as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("nginx", "haproxy", "caddy", "openssl")
_UNPACKED = Path(sys.prefix) / "debian"


def program(name: str) -> str | None:
    """The path of the program, or None where it is neither unpacked nor installed."""
    places = [str(_UNPACKED / place) for place in ("usr/sbin", "usr/bin")]
    search = os.pathsep.join([*places, os.environ.get("PATH", ""), "/usr/sbin"])
    return shutil.which(name, path=search)


def environment() -> dict[str, str]:
    """This process's environment, in which unpacked programs find their libraries."""
    libraries = sorted(str(folder) for folder in _UNPACKED.glob("usr/lib/*-linux-*") if folder.is_dir())
    ours = [*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return {**os.environ, **({"LD_LIBRARY_PATH": os.pathsep.join(ours)} if ours else {})}


def fetch() -> bool:
    """Download what is missing, with what it needs beyond what is installed, and unpack it; false if that cannot be."""
    missing = [name for name in PACKAGES if program(name) is None]
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        lists, archives = Path(folder, "lists"), Path(folder, "archives")
        for place in (lists, archives):
            (place / "partial").mkdir(parents=True)
        # Lists, archives and caches of our own: those of the system belong to root.
        own = [
            f"Dir::State::lists={lists}",
            f"Dir::Cache::archives={archives}",
            "Dir::Cache::pkgcache=",
            "Dir::Cache::srcpkgcache=",
            "Debug::NoLocking=1",
            "APT::Sandbox::User=",
        ]
        apt = ["apt-get", "-qq", *(word for option in own for word in ("-o", option))]
        for words in (["update"], ["install", "-y", "--no-install-recommends", "--download-only", *missing]):
            if subprocess.run([*apt, *words], check=False, stdout=subprocess.DEVNULL).returncode != 0:
                return False
        for archive in sorted(archives.glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", archive, _UNPACKED], check=True)
    return all(program(name) for name in PACKAGES)


def main() -> None:
    """Fetch what is missing. Its absence is no error: the tests that need it say so and are skipped."""
    if all(program(name) for name in PACKAGES) or fetch():
        print("Proxies for the tests:", ", ".join(str(program(name)) for name in PACKAGES))
    else:
        print("Proxies for the tests: not all are here, and no Debian packages can be had; their tests are skipped.")


if __name__ == "__main__":
    main()
