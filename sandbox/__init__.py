"""Keep an iso-prod Dolibarr sandbox clean, prod-shaped and armed, with Invoke tasks.

from sandbox import collection

ns = Collection(collection(url="https://erp-sandbox.example"))
"""

from sandbox.tasks import collection
from sandbox.version import __version__

__all__ = ["__version__", "collection"]
