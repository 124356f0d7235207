"""The stand-in ERP: answers, for what our tasks touch, as Dolibarr 23 does. It is not Dolibarr."""
