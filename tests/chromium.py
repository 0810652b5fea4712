"""Sees to it that the browser tests have a Chromium: the system's, else from its packages, else Playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def system_chromium() -> str | None:
    """The path of the system's Chromium, if it has one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> bool:
    """Install Chromium from the system's packages, as root or by a sudo that does not ask; false if that cannot be."""
    apt = shutil.which("apt-get")
    if apt is None:
        return False
    become: list[str] = []
    if os.geteuid() != 0:
        sudo = shutil.which("sudo")
        if sudo is None or subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode != 0:
            return False
        become = [sudo, "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "chromium", "fonts-liberation"]):
        done = subprocess.run([*become, apt, *words], check=False, env=environment, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            return False
    return system_chromium() is not None


def main() -> int:
    if system_chromium() or install():
        print(f"Browser for the tests: {system_chromium()}")
        return 0
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
