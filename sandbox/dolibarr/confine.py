"""Keep a browser on the sandbox's host: neither a page nor itself asks another, and no proxy."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.dolibarr.watch import Watch

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-domain-reliability",
    "--no-pings",
    "--no-proxy-server",  # whatever the environment or the desktop says
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
# this takes the place of Playwright's own list, which therefore is in it
_FEATURES = (
    # the suggestions of an address bar that nobody sees would take a process and half a second for each page
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    # names are looked up as by any other program of this machine
    *("AsyncDns", "DnsOverHttps"),
    *("OptimizationHints", "NetworkTimeServiceQuerying", "PreconnectToSearch", "AimEnabled", "MediaRouter"),
    *("DialMediaRouteProvider", "LensOverlay", "HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "PaintHolding"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin"),
    *("msForceBrowserSignIn", "msEdgeUpdateLaunchServicesPreferredVersion", "Translate"),
)
# of what a page can do, this alone asks no resolver and makes no request
_NO_PEERS = (
    "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection']) { delete globalThis[name]; }"
)
_LEAKS = re.compile(r".*_proxy|SSLKEYLOGFILE", re.IGNORECASE)  # variables that hand others what is sent
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass
class Window:
    """A browser page that cannot leave the sandbox's host, and what it was kept from visiting."""

    page: Page
    watch: Watch
    strayed: list[str] = field(default_factory=list)


def same_place(url: str, base: str) -> bool:
    """Whether a URL is on the host of `base`; http may become https on the default ports."""
    try:
        here, there = urlsplit(url), urlsplit(base)
        ports = [parts.port or _DEFAULT_PORTS.get(parts.scheme) for parts in (here, there)]
        hosts = {_spelled(parts.hostname or "") for parts in (here, there)}
    except ValueError:  # it is no URL
        return False
    return len(hosts) == 1 and (ports[0] == ports[1] or ports == [443, 80])


def own(url: str) -> list[str]:
    """What of host:port `same_place` accepts, as the browser spells it."""
    parts = urlsplit(url)
    host, port = _spelled(parts.hostname or ""), parts.port or _DEFAULT_PORTS[parts.scheme]
    ports = {port, 443} if (parts.scheme, port) == ("http", 80) else {port}
    return [f"{host}:{each}" for each in sorted(ports)]


def _spelled(host: str) -> str:
    if ":" in host:
        return f"[{ipaddress.ip_address(host).compressed}]"
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # such as 127.1
    except OSError:
        return host.encode("idna").decode()


def rules(own: list[str]) -> str:
    """What the browser's resolver finds: these, and nothing else, whoever asks for it."""
    return ", ".join([*(f"MAP {each} {each}" for each in own), "MAP * ~NOTFOUND"])


def arguments(rules: str) -> list[str]:
    """What the browser is started with."""
    return [*_ARGUMENTS, f"--disable-features={','.join(_FEATURES)}", f"--host-resolver-rules={rules}"]


def environment() -> dict[str, str]:
    """The variables that a browser may see."""
    return {name: value for name, value in os.environ.items() if not _LEAKS.fullmatch(name)}


def to(url: str, context: BrowserContext, window: Window) -> None:
    """Stop every request to another host: prod's by a wrong link, telemetry, fonts.

    The browser's resolver finds none of them. Here they are stopped before it, and documents are noted.
    Playwright's routes do not see where a redirect leads, so the browser's own protocol guards those.
    """
    context.add_init_script(_NO_PEERS)
    context.route(_others(url), lambda route: route.abort())
    session = context.new_cdp_session(window.page)
    main = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]

    def guard(event: dict[str, Any]) -> None:
        target = event["request"]["url"]
        request = {"requestId": event["requestId"]}
        if same_place(target, url) or not target.startswith("http"):
            session.send("Fetch.continueRequest", request)
        else:
            if event["frameId"] == main:  # a frame within the page takes the person nowhere
                window.strayed.append(target.split("?")[0])
            session.send("Fetch.failRequest", {**request, "errorReason": "BlockedByClient"})

    session.on("Fetch.requestPaused", guard)
    session.send("Fetch.enable", {"patterns": [{"urlPattern": "*", "resourceType": "Document"}]})


def _others(url: str) -> re.Pattern[str]:
    """The URLs that `same_place` does not accept; those without a host are no others."""
    places = []
    for place in own(url):
        host, _, port = place.rpartition(":")
        scheme = "https" if port == "443" else urlsplit(url).scheme
        optional = "?" if int(port) == _DEFAULT_PORTS[scheme] else ""
        places.append(f"{scheme}://{re.escape(host)}(:{port}){optional}(/|$)")
    return re.compile(rf"^(?!{'|'.join(places)}|data:|blob:|about:)")
