"""The few words on the pages, in the languages that a browser or a setting asks for."""

from __future__ import annotations

from flask import g, request
from markupsafe import escape

from sandbox.lab.erp.constants import constants
from sandbox.lab.erp.database import one

_WORDS = {
    "login": ("Login", "Identifiant", "Benutzername"),
    "password": ("Password", "Mot de passe", "Passwort"),
    "connect": ("Login", "Se connecter", "Anmelden"),
    "bad_password": (
        "Bad value for login or password",
        "Identifiants login ou mot de passe incorrects",
        "Ungültiger Benutzername oder ungültiges Passwort",
    ),
    "expired": (
        "Security token has expired, so action has been canceled. Please try again.",
        "Le jeton de sécurité a expiré, l'action a donc été annulée. Veuillez réessayer.",
        "Das Sicherheitstoken ist abgelaufen, die Aktion wurde abgebrochen. Bitte erneut versuchen.",
    ),
    "home": ("Home", "Accueil", "Start"),
    "denied": ("Access denied.", "Accès refusé.", "Zugriff verweigert."),
    "users": ("Users", "Utilisateurs", "Benutzer"),
    "new_user": ("New user", "Nouvel utilisateur", "Neuer Benutzer"),
    "create_user": ("Create user", "Créer utilisateur", "Benutzer anlegen"),
    "save": ("Save", "Enregistrer", "Speichern"),
    "cancel": ("Cancel", "Annuler", "Abbrechen"),
    "modify": ("Modify", "Modifier", "Bearbeiten"),
    "reactivate": ("Reactivate", "Réactiver", "Reaktivieren"),
    "search": ("Search", "Rechercher", "Suche"),
    "card": ("Card", "Fiche", "Karte"),
    "permissions": ("Permissions", "Permissions", "Berechtigungen"),
    "last_name": ("Last name", "Nom", "Nachname"),
    "first_name": ("First name", "Prénom", "Vorname"),
    "gender": ("Gender", "Genre", "Geschlecht"),
    "title": ("Title", "Titre civilité", "Anrede"),
    "administrator": ("System administrator", "Administrateur système", "Systemadministrator"),
    "employee": ("Employee", "Salarié", "Mitarbeiter"),
    "email": ("Email", "Email", "E-Mail"),
    "job": ("Job position", "Poste/fonction", "Position"),
    "api_key": ("Token for API", "Jeton pour l'API", "Token für API"),
    "generate": ("Generate", "Générer", "Generieren"),
    "status": ("Status", "État", "Status"),
    "enabled": ("Enabled", "Actif", "Aktiv"),
    "disabled": ("Disabled", "Désactivé", "Deaktiviert"),
    "yes": ("Yes", "Oui", "Ja"),
    "no": ("No", "Non", "Nein"),
    "all": ("All", "Tous", "Alle"),
    "none": ("None", "Aucun", "Keine"),
    "inherited": ("Inherited", "Hérité", "Geerbt"),
    "add": ("Add", "Ajouter", "Hinzufügen"),
    "remove": ("Remove", "Enlever", "Entfernen"),
    "modified": (
        "User modified successfully",
        "Utilisateur modifié avec succès",
        "Benutzer erfolgreich geändert",
    ),
    "no_name": ("Name is not defined.", "Le nom n'a pas été renseigné.", "Name fehlt."),
    "no_login": ("Login is not defined.", "Le login n'a pas été renseigné.", "Anmeldename fehlt."),
    "bad_login": (
        "Unauthorized character in the field Login",
        "Caractère non autorisé dans le champ Identifiant",
        "Unzulässiges Zeichen im Feld Anmeldename",
    ),
    "login_taken": (
        "Login {} already exists.",
        "L'identifiant {} existe déjà.",
        "Der Anmeldename {} existiert bereits.",
    ),
    "email_taken": ("Email {} already exists.", "L'email {} existe déjà.", "E-Mail {} existiert bereits."),
    "key_taken": (
        "This key is used already.",
        "Cette clé est déjà utilisée.",
        "Schlüssel wird schon benutzt.",
    ),
    "too_long": ("A value is too long.", "Une valeur est trop longue.", "Ein Wert ist zu lang."),
    "no_rights": (
        "This user has no permissions defined",
        "Cet utilisateur n'a pas de permissions définies",
        "Dieser Benutzer hat keine Berechtigungen",
    ),
    "module_off": (
        "Warning, module Api is not active.<br><br>To activate modules, go on setup area.",
        "Attention, le module Api n'est pas actif.<br><br>Pour activer des modules, aller en configuration.",
        "Achtung, Modul Api ist nicht aktiv.<br><br>Module werden unter Start->Einstellungen aktiviert.",
    ),
}
_ORDER = ("en", "fr", "de")


def language() -> str:
    """The two letters of the language to answer in: the user's, the setting's, else the browser's."""
    if "language" not in g:
        wanted = request.args.get("lang", "") or _of_visitor() or constants().get("MAIN_LANG_DEFAULT", "auto")
        if wanted == "auto":
            wanted = request.accept_languages.best_match(_ORDER, "en") or "en"
        g.language = wanted[:2] if wanted[:2] in _ORDER else "en"
    chosen: str = g.language
    return chosen


def word(name: str, *values: str) -> str:
    """A word or sentence in that language."""
    return _WORDS[name][_ORDER.index(language())].format(*map(escape, values))


def _of_visitor() -> str:
    visitor = g.get("visitor")
    if visitor is None:
        return ""
    row = one(
        b"SELECT value FROM llx_user_param WHERE fk_user = %s AND param = 'MAIN_LANG_DEFAULT'", visitor.id
    )
    return str(row["value"]) if row else visitor.text("lang")
