-- Put back what `triggers_off` switched off; what waits for the end of the transaction is looked at first, or no table could be altered.
SET CONSTRAINTS ALL IMMEDIATE;
:back
