"""The namespace of this repository: the sandbox's tasks and the lab's."""

from sandbox import collection
from sandbox.tasks import lab_collection

ns = collection()
ns.add_collection(lab_collection())
