"""A new Dolibarr: installed into prod's empty database by its own installer, and filled with business."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import Failed
from sandbox.lab import HOST, seed
from sandbox.lab.access import PROD, SANDBOX, connected
from sandbox.lab.folder import Folder
from sandbox.lab.real import php
from sandbox.lab.real.conf import write_conf
from sandbox.lab.real.source import Source
from sandbox.shell import first_line

ADMIN = "admin"
_HERE = Path(__file__).parent
# those that the default agent rights need, and those through which a prod reaches the outside world
_MODULES = (
    "modUser modSociete modApi modProduct modService modPropale modCommande modFacture modFournisseur "
    "modBanque modAgenda modECM modCron modWebhook modNotification modMailing modEmailCollector modStripe "
    "modOauth"
)


@dataclass(frozen=True)
class Installer:
    """Installs the copy of a Dolibarr that lies in a lab's folder."""

    folder: Folder
    port: int  # of PostgreSQL

    def prepare(self, source: Source) -> None:
        """Copy the program; everything else happens in that copy."""
        self.folder.dolibarr.mkdir(mode=0o700)
        (self.folder.dolibarr / "sessions").mkdir(mode=0o700)
        source.copy(self.folder.dolibarr)

    def install(self, source: Source, given: seed.Secrets) -> None:
        """Make Dolibarr's tables in prod's database, its administrator and its modules.

        Raises:
            UsageError: PHP or an extension is missing.
            Failed: there is no administrator in the end.
        """
        program, home = php.require(), self.folder.dolibarr
        documents = self.folder.documents("prod")
        documents.mkdir(parents=True)
        # nobody serves prod: its URL only has to be another one than the sandbox's
        write_conf(
            home / "htdocs",
            url=f"http://{HOST}:9",
            documents=documents,
            passwords=self.folder.passwords,
            port=self.port,
            role=PROD,
            instance=given.instance,
        )
        last = ["step5.php", "0", source.version, "auto", "set", ADMIN, given.password, given.password, "444"]
        said = ""
        for words in (["step2.php", "set"], last):
            variables = {"LAB_HTDOCS": str(home / "htdocs"), "LAB_STEP": json.dumps(words)}
            said += php.run(program, self.folder, _HERE / "step.php", **variables)
        self._check(said.replace(given.password, "…"))
        variables = {"LAB_HTDOCS": str(home / "htdocs"), "LAB_MODULES": _MODULES}
        refused = php.run(program, self.folder, _HERE / "modules.php", **variables).strip()
        if refused:
            raise Failed(f"Dolibarr does not switch on: {first_line(refused)}", self._look)

    def fill(self, size: int, given: seed.Secrets) -> None:
        """Give prod the same people, business and links to the outside as the stand-in's."""
        with connected(self.folder.passwords, self.port, PROD, PROD) as session:
            session.execute("CREATE SCHEMA standin")
            session.execute("SET LOCAL search_path = standin")
            seed.make_business(session, size, given)
            session.execute("SET LOCAL search_path = public")
            session.execute((_HERE / "fill.sql").read_bytes())
        with connected(self.folder.passwords, self.port, PROD, PROD) as session:
            session.execute("ANALYZE")

    def _check(self, said: str) -> None:
        """Look for the administrator: the installer exits with 0 whatever became of it."""
        log = self.folder.dolibarr / "install.html"
        log.write_text(said, encoding="utf-8")
        with connected(self.folder.passwords, self.port, PROD, PROD) as session:
            users = session.execute("SELECT to_regclass('public.llx_user')").fetchone()
            if users and users[0]:
                query = "SELECT count(*) FROM public.llx_user WHERE login = %s AND admin = 1"
                found = session.execute(query, [ADMIN]).fetchone()
                if found and found[0] == 1:
                    return
        raise Failed("Dolibarr's installer made no administrator", f"read {log} and {self.folder.erp_log}")

    @property
    def _look(self) -> str:
        return f"read {self.folder.erp_log}"


def write_sandbox_conf(folder: Folder, *, url: str, port: int, instance: str) -> None:
    """Make the copy serve the sandbox: its own database, documents and instance id."""
    write_conf(
        folder.dolibarr / "htdocs",
        url=url,
        documents=folder.documents("sandbox"),
        passwords=folder.passwords,
        port=port,
        role=SANDBOX,
        instance=instance,
    )
