"""The permissions page: names, numbers, and granting one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.dolibarr.failure import LoggedOut
from sandbox.dolibarr.pages.site import INSIDE, Site
from sandbox.dolibarr.rights import Right

# each row follows an HTML comment with its name; the number is in the link that grants or takes away
_COLLECT = r"""const collect = page => {
  const rights = [];
  const comments = page.createTreeWalker(page.body, NodeFilter.SHOW_COMMENT);
  while (comments.nextNode()) {
    const name = /^\s*(\w+)->(\w+)(?:->(\w+))?\s*$/.exec(comments.currentNode.data);
    const row = comments.currentNode.nextElementSibling;
    if (!name || !row || row.tagName !== 'TR') { continue; }
    const links = [...row.querySelectorAll('a[href*="rights="]')].map(a => new URL(a.href, location.href));
    const link = links.find(url => ['addrights', 'delrights'].includes(url.searchParams.get('action')));
    rights.push({
      name: name.slice(1).filter(Boolean).join('.'),
      number: link ? Number(link.searchParams.get('rights')) : null,
      granted: !link || link.searchParams.get('action') === 'delrights',
    });
  }
  return {
    rights,
    inside: page.querySelector('#id-top') !== null,
    login: page.querySelector('form#login') !== null,
    editable: page.querySelector('a[href*="action=addrights"], a[href*="action=delrights"]') !== null,
  };
};"""
_READ = f"() => {{ {_COLLECT} return collect(document); }}"
_GRANT = """async ([number, patience]) => {
  COLLECT
  const link = [...document.querySelectorAll('a[href*="action=addrights"]')]
    .map(a => new URL(a.getAttribute('href'), location.href))
    .find(url => url.searchParams.get('rights') === String(number) && !url.searchParams.get('module'));
  if (!link || link.origin !== location.origin) { return {status: 0, rights: []}; }
  const answer = await fetch(link, {redirect: 'error', signal: AbortSignal.timeout(patience)});
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  return {status: answer.status, ...collect(page)};
}""".replace("COLLECT", _COLLECT)


class PermissionsPage:
    """``/user/perms.php`` of one user."""

    def __init__(self, site: Site, user_id: int) -> None:
        self.site, self.user_id = site, user_id

    def read(self) -> list[Right]:
        """Every right that this Dolibarr offers now; those of modules that are off are not among them.

        Raises:
            DolibarrPageError: the page lists none.
        """
        self.site.open(
            f"/user/perms.php?id={self.user_id}", INSIDE, f"the permissions of user {self.user_id}"
        )
        seen = self.site.ask(_READ)
        if not seen["rights"]:
            raise self.site.wrong(
                "rows of rights, each after a comment with its name", "log in as an administrator"
            )
        self.editable = bool(seen["editable"])
        return _rights(seen)

    def grant(self, names: Iterable[str], milliseconds: float) -> list[str]:
        """Grant the named rights that are missing and take none away; which were granted.

        The page is asked again from within itself, so that a grant costs one answer and no drawing.

        Raises:
            LoggedOut: the session ended on the way.
            DolibarrPageError: a right could not be granted.
        """
        rights = {right.name: right for right in self.read()}
        wanted = [name for name in names if not rights[name].granted]
        if wanted and not self.editable:
            raise self.site.wrong("links that grant rights", "log in as an administrator")
        # granting a write grants its read: most specific first, then only what is still missing
        for name in sorted(wanted, key=lambda name: name.endswith((".lire", ".read"))):
            if not rights[name].granted:
                rights |= self._grant(rights[name], milliseconds)
        return wanted

    def _grant(self, right: Right, milliseconds: float) -> dict[str, Right]:
        seen = self.site.ask(_GRANT, [right.number, milliseconds])
        if seen.get("login"):
            raise LoggedOut
        rights = {found.name: found for found in _rights(seen)}
        granted = right.name in rights and rights[right.name].granted
        self.site.trail.note(
            "grant", self.site.path, right=right.name, status=seen["status"], granted=granted
        )
        if not granted:
            raise self.site.wrong(
                f"{right.name} (number {right.number}) to be granted; HTTP {seen['status']}",
                "grant it by hand on the user's permissions page to see why it refuses",
            )
        return rights


def _rights(seen: dict[str, Any]) -> list[Right]:
    return [Right(row["name"], row["number"], row["granted"]) for row in seen["rights"]]
