"""kubectl's own verbs on objects, and what its failures mean: one line each, with what mends it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox import jsonfile
from sandbox.errors import Failed, SandboxError, Unreachable, UsageError
from sandbox.shell import Result, Runner, change, command, is_dry, lines, observe

Object = dict[str, Any]
_PATIENCE = 10  # seconds for one answer of the API server


class Conflict(Failed):
    """Somebody else changed the object since it was read, or made it."""


class Forbidden(UsageError):
    """The credential is good, but may not do that."""


def words_of(context: str | None, namespace: str, *words: str) -> tuple[str, ...]:
    """The argument list of a call."""
    chosen = () if context is None else (f"--context={context}",)
    return ("kubectl", *chosen, f"--namespace={namespace}", *words)


def _limit() -> tuple[str, ...]:
    """How long to wait for an answer; nothing in a pod that has only its ServiceAccount.

    A kubectl with a time limit looks for a server on localhost there, and never at the ServiceAccount.
    """
    configured = os.environ.get("KUBECONFIG") or (Path.home() / ".kube" / "config").exists()
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and not configured
    return () if in_pod else (f"--request-timeout={_PATIENCE}s",)


@dataclass(frozen=True)
class Kubectl:
    """kubectl in one namespace of one context.

    Args:
        runner: what runs it.
        context: of the kubeconfig; None: the current one, or the ServiceAccount that we run under.
        namespace: where the objects are.
    """

    runner: Runner
    context: str | None
    namespace: str

    def within(self, namespace: str) -> Kubectl:
        """The same in another namespace."""
        return replace(self, namespace=namespace)

    def guarded(self, runner: Runner) -> Kubectl:
        """The same by another runner."""
        return replace(self, runner=runner)

    def words(self, *words: str) -> tuple[str, ...]:
        """The argument list of one short call."""
        return words_of(self.context, self.namespace, *_limit(), *words)

    def get(self, kind: str, name: str) -> Object | None:
        """An object; None when there is none of that name.

        Raises:
            SandboxError: it cannot be asked for.
        """
        words = self.words("get", kind, name, "--ignore-not-found", "--output=json")
        found = self._told(observe(self.runner, command(*words).text()), f"reading {kind} {name}")
        return found or None

    def listed(self, kind: str, selector: str) -> list[Object]:
        """The objects that a label selector finds."""
        words = self.words("get", kind, f"--selector={selector}", "--output=json")
        found = self._told(observe(self.runner, command(*words).text()), f"listing {kind} {selector}")
        return list(found.get("items", []))

    def patch(self, kind: str, name: str, patch: Object) -> Object:
        """The object after a merge patch; `metadata.resourceVersion` in it makes it a compare-and-swap.

        Raises:
            Conflict: the object is not the one that was read.
            SandboxError: it cannot be patched.
        """
        words = self.words("patch", kind, name, "--type=merge", f"--patch={json.dumps(patch)}")
        text = command(*words, "--output=json").text()
        return self._told(change(self.runner, text), f"changing {kind} {name}")

    def put(self, verb: str, thing: Object) -> Object:
        """The object after it was created (`create`), or replaced as a compare-and-swap (`replace`).

        Raises:
            Conflict: it is there already, or it is not the one that was read.
            SandboxError: it cannot be written.
        """
        text = command(*self.words(verb, "--filename=-", "--output=json"), stdin=json.dumps(thing)).text()
        kind, name = thing["kind"], thing["metadata"]["name"]
        return self._told(change(self.runner, text), f"writing {kind} {name}")

    def _told(self, result: Result, doing: str) -> Object:
        if result.exited != 0:
            raise self.explained(result.stderr, doing)
        if not result.stdout.strip():
            return {}
        try:
            found = jsonfile.parsed(result.stdout)
        except jsonfile.Damaged as error:
            raise self._strange(doing, str(error)) from None
        if not isinstance(found.get("metadata"), dict):
            raise self._strange(doing, "it is no object of Kubernetes")
        return found

    def _strange(self, doing: str, why: str) -> Unreachable:
        what = f"{doing} in namespace {self.namespace}: what kubectl told cannot be read: {why}"
        return Unreachable(what, "look at what kubectl on PATH is, and what stands before the cluster")

    @property
    def dry(self) -> bool:
        """Whether nothing may be changed."""
        return is_dry(self.runner)

    def explained(self, text: str, doing: str) -> SandboxError:
        """What kubectl's complaint means.

        Args:
            text: its standard error.
            doing: what was being done, such as "reading lease x".
        """
        said = _said(text)
        where = f"{doing} in namespace {self.namespace}"
        for pattern, kind, step in _MEANINGS:
            if re.search(pattern, text, re.IGNORECASE):
                return kind(f"{where}: {said}", step)
        return Failed(f"{where} failed: {said}", "run: inv status")


_AWAY = (
    r"refused|timeout|timed out|no such host|unable to connect|deadline|EOF|reset by peer|unreachable"
    r"|unavailable|apiserver not ready|etcdserver|InternalError|no configuration has been provided|shutting"
)
_MEANINGS: tuple[tuple[str, type[SandboxError], str], ...] = (
    (r"kubectl: (command )?not found|kubectl: No such file", UsageError, "install kubectl, on PATH"),
    (r"\(Conflict\)|object has been modified|AlreadyExists", Conflict, "run it again"),
    (
        r"context .* does not exist|no context exists|context was not found",
        UsageError,
        "check kubernetes.context, KUBECONFIG and: kubectl config get-contexts",
    ),
    (r"forbidden", Forbidden, "give the role the rights of examples/kubernetes/rbac.yaml"),
    (
        r"unauthorized|must be logged in|credentials|certificate has expired|x509|token .*expired",
        UsageError,
        "renew the cluster's credential (kubeconfig), then try again",
    ),
    (r"namespaces .* not found", UsageError, "check kubernetes.namespace"),
    (r"the server doesn't have a resource type", UsageError, "is this the right cluster?"),
    (
        _AWAY,
        Unreachable,
        "check the cluster, the network and KUBECONFIG, then try again",
    ),
)


def _said(text: str) -> str:
    """The last word of it, without its prefix."""
    said = [line.strip() for line in lines(text) if line.strip() and not re.match(r"[EWI]\d{4} ", line)]
    last = said[-1] if said else "no message"
    return re.sub(r"^(error|Error from server( \([^)]*\))?|Unable to connect to the server): ", "", last)
