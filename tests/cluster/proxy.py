"""A kubeconfig that leads to the API server through a proxy, whose connections can be cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.lab.faults.proxy import Proxy
from tests.cluster.kube import kubectl


@contextmanager
def proxied(folder: Path) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the API server, and a kubeconfig that leads through it."""
    text = kubectl("config", "view", "--raw", "--minify", "--flatten")
    found = re.search(r"server: (\S+)", text)
    assert found is not None
    parts = urlsplit(found[1])
    proxy = Proxy(parts.port or 443, parts.hostname or "")
    config = folder / "kubeconfig"
    config.touch(mode=0o600)
    config.write_text(text.replace(found[1], f"https://127.0.0.1:{proxy.port}"))
    try:
        yield proxy, str(config)
    finally:
        proxy.close()
