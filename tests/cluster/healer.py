"""What Argo CD does to one application, as far as a refresh can notice: it heals what it may heal.

    python -m tests.cluster.healer CONFIG

CONFIG is a JSON file: how to reach the API server, what Git says of the Deployment's replicas, and, where a
parent application manages this one, what Git says of the Application itself. Each thing that was healed is
a line of JSON on stdout.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import requests

Tree = dict[str, Any]
_PAUSE = 0.2  # seconds between two looks
_ARGO = "/apis/argoproj.io/v1alpha1"


class Api:
    """The API server over HTTPS with a client's certificate."""

    def __init__(self, server: str, authority: str, certificate: str, key: str) -> None:
        self._server = server
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = authority
        self._session.cert = (certificate, key)

    def get(self, path: str) -> Tree | None:
        """An object; None while it cannot be had."""
        answer = self._session.get(self._server + path, timeout=5)
        return answer.json() if answer.status_code == requests.codes.ok else None

    def merge(self, path: str, change: Tree) -> bool:
        """A merge patch; whether it was taken."""
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = self._session.patch(self._server + path, json=change, headers=headers, timeout=5)
        return bool(answer.status_code == requests.codes.ok)


def drift(git: Any, live: Any) -> Any:
    """What a merge patch must change so that `live` holds all that `git` names; None when it does.

    A field that only the live object has is no drift.
    """
    if not isinstance(git, dict) or not isinstance(live, dict):
        return None if git == live else git
    changes = {key: drift(value, live.get(key)) for key, value in git.items()}
    return {key: value for key, value in changes.items() if value is not None} or None


def heals(application: Tree) -> bool:
    """Whether automated sync is on and heals: `enabled` is on unless it says false."""
    automated = application["spec"].get("syncPolicy", {}).get("automated")
    if not isinstance(automated, dict) or automated.get("enabled", True) is False:
        return False
    return automated.get("selfHeal", False) is True


def round_trip(api: Api, given: Tree) -> list[Tree]:
    """One look at both objects; what was healed."""
    application_path = f"{_ARGO}/namespaces/{given['argocd']}/applications/{given['application']}"
    deployment_path = f"/apis/apps/v1/namespaces/{given['namespace']}/deployments/{given['deployment']}"
    done: list[Tree] = []
    application = api.get(application_path)
    if application is None:
        return done
    changes = drift(given["parent"], application) if given.get("parent") else None
    if changes and api.merge(application_path, changes):
        done.append({"application": changes})
        return done
    deployment = api.get(deployment_path) if heals(application) else None
    if deployment is None or deployment["spec"]["replicas"] == given["replicas"]:
        return done
    if api.merge(deployment_path, {"spec": {"replicas": given["replicas"]}}):
        done.append({"replicas": deployment["spec"]["replicas"]})
    return done


def main(config: str) -> None:
    """Heal until killed; an API server that is away is asked again."""
    given = json.loads(Path(config).read_text(encoding="utf-8"))
    api = Api(**given["api"])
    while True:
        try:
            for healed in round_trip(api, given):
                print(json.dumps(healed), flush=True)  # noqa: T201
        except (requests.RequestException, ValueError):
            pass
        time.sleep(_PAUSE)


if __name__ == "__main__":
    main(sys.argv[1])
