-- The sandbox before its first refresh: the last invoices are missing, and somebody played in it.
DELETE FROM llx_facturedet WHERE fk_facture > (SELECT max(rowid) - 40 FROM llx_facture);
DELETE FROM llx_paiement_facture WHERE fk_facture > (SELECT max(rowid) - 40 FROM llx_facture);
DELETE FROM llx_facture WHERE rowid > (SELECT max(rowid) - 40 FROM llx_facture);
INSERT INTO llx_societe (nom, client, code_client, fk_pays, datec) VALUES
  ('Essai à supprimer', 1, 'CU9999-00001', 1, '2025-11-02'), ('Rehearsal leftovers Ltd', 1, 'CU9999-00002', 7, '2025-11-03');
UPDATE llx_societe SET note_private = 'modifié pendant un essai' WHERE rowid <= 5;
UPDATE llx_const SET value = 'Arcodange Distribution (old sandbox)' WHERE name = 'MAIN_INFO_SOCIETE_NOM';
-- the two robots of prod never were users of this sandbox
UPDATE llx_user SET api_key = NULL;
-- a real Dolibarr calls prod's webhook whatever its status (16), and undoes the change when nobody answers
DELETE FROM llx_webhook_target;
-- its pages say whose sandbox it is, as those of a refreshed one do
INSERT INTO llx_const (name, entity, value, type, visible) VALUES
  ('MAIN_HTML_HEADER', 0, '<meta name="dolibarr-sandbox" content="lab">', 'chaine', 0);
