"""Jobs made from a CronJob's template: what they run goes on in the cluster, whoever goes away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.engines.kubernetes.kubectl import Kubectl, Object, words_of
from sandbox.errors import UsageError
from sandbox.shell import command

State = Literal["running", "succeeded", "failed"]
_OURS = "dolibarr-sandbox/detached"  # a label; the CronJob's name
_MANUAL = {"cronjob.kubernetes.io/instantiate": "manual"}  # as `kubectl create job --from` has it
_PREFIX_LENGTH = 27  # of the 63 that a Job's name may have; the run's id is the rest


@dataclass(frozen=True)
class Job:
    """A Job as it is now; times are ISO 8601, UTC."""

    name: str
    namespace: str
    state: State
    begun: str
    ended: str | None
    exit_code: int | None  # of its container, once that has ended
    said: str  # the end of what a failed container printed, or why it does not begin
    follow: str  # the command that shows what it prints


@dataclass(frozen=True)
class Jobs:
    """The Jobs that are made from one CronJob by hand."""

    kubectl: Kubectl
    cronjob: str
    setting: str  # which setting names it, for error messages

    def newest(self) -> Job | None:
        """The one that was made last; None when there is none any more.

        Raises:
            SandboxError: the cluster does not answer, or refuses us.
        """
        found = self.kubectl.listed("jobs", f"{_OURS}={self.cronjob}")
        if not found:
            return None
        last = max(found, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))
        return self._read(last)

    def draft(self, run: str, *, verb: str, flags: tuple[str, ...]) -> Object:
        """A Job to be made.

        Args:
            run: what tells it from others.
            verb: the word of its command that `flags` follow.
            flags: more words for its command; one that it has already is not repeated.

        Raises:
            UsageError: there is no such CronJob, or its command does not have that word.
        """
        found = self.kubectl.get("cronjob", self.cronjob)
        if found is None:
            raise UsageError(
                f"there is no cronjob {self.cronjob} in namespace {self.kubectl.namespace}",
                f"check {self.setting}, or apply examples/kubernetes/cronjob.yaml",
            )
        template = found["spec"]["jobTemplate"]
        spec, metadata = template["spec"], template.get("metadata", {})
        for container in spec["template"]["spec"]["containers"]:
            # the API server then keeps the last lines of one that fails: no right to read logs is needed
            container["terminationMessagePolicy"] = "FallbackToLogsOnError"
        if flags:
            self._add(spec, verb, flags)
        name = f"{self.cronjob[:_PREFIX_LENGTH].rstrip('-.')}-{run.lower()}"
        labels = {**metadata.get("labels", {}), _OURS: self.cronjob}
        notes = {**metadata.get("annotations", {}), **_MANUAL}
        owner = {"apiVersion": found["apiVersion"], "kind": "CronJob", "controller": True}
        owner |= {"name": self.cronjob, "uid": found["metadata"]["uid"]}
        made = {"name": name, "namespace": self.kubectl.namespace, "labels": labels, "annotations": notes}
        made["ownerReferences"] = [owner]
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": spec}

    def start(self, draft: Object) -> None:
        """Make the Job.

        Raises:
            SandboxError: the cluster refuses it, or does not answer.
        """
        self.kubectl.put("create", draft)

    def follow(self, name: str) -> str:
        """The command that shows what a Job prints."""
        words = words_of(self.kubectl.context, self.kubectl.namespace, "logs", "--follow", f"job/{name}")
        return command(*words).text()

    def _add(self, spec: Object, verb: str, flags: tuple[str, ...]) -> None:
        for words in _words(spec):
            for place, word in enumerate(words):
                if str(word).rpartition(".")[2] == verb:
                    words[place + 1 : place + 1] = [flag for flag in flags if flag not in words]
                    return
        raise UsageError(
            f"the command of cronjob {self.cronjob} has no word {verb} that {' '.join(flags)} could follow",
            f"write it as a list, such as [python, -m, invoke, {verb}, --yes], or leave the flag out",
        )

    def _read(self, found: Object) -> Job:
        metadata, status = found["metadata"], found.get("status", {})
        ends = {one["type"]: one for one in status.get("conditions", []) if one["status"] == "True"}
        state: State = "succeeded" if "Complete" in ends else "failed" if "Failed" in ends else "running"
        end = ends.get("Complete") or ends.get("Failed") or {}
        code, said = (0, "") if state == "succeeded" else self._pods(metadata["name"])
        return Job(
            name=metadata["name"],
            namespace=self.kubectl.namespace,
            state=state,
            begun=metadata["creationTimestamp"],
            ended=end.get("lastTransitionTime"),
            exit_code=code,
            said=said or (end.get("message", "") if state == "failed" else ""),
            follow=self.follow(metadata["name"]),
        )

    def _pods(self, job: str) -> tuple[int | None, str]:
        """How the container of a Job's last pod ended, and its last words; or why it does not begin."""
        pods = self.kubectl.listed("pods", f"job-name={job}")
        for pod in sorted(pods, key=lambda one: str(one["metadata"]["creationTimestamp"]), reverse=True):
            for container in pod.get("status", {}).get("containerStatuses", []):
                state = container.get("state", {})
                ended, waits = state.get("terminated"), state.get("waiting")
                if ended and ended["exitCode"] != 0:
                    reason = ended.get("reason", "")
                    return ended["exitCode"], ended.get("message") or ("" if reason == "Error" else reason)
                if waits and waits.get("message"):
                    return None, f"{waits.get('reason', 'waiting')}: {waits['message']}"
        return None, ""


def _words(spec: Object) -> Iterator[list[Any]]:
    """The lists of words that a Job's containers run."""
    for container in spec["template"]["spec"]["containers"]:
        for key in ("command", "args"):
            if container.get(key):
                yield container[key]
