"""The tasks of a sandbox that lives in a cluster: `inv status`, `inv reset --yes`, and so on."""

from sandbox import collection

ns = collection()
