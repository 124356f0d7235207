-- Indexes, foreign keys and triggers; made after the rows, when that is quickest.

CREATE UNIQUE INDEX uk_const ON llx_const (name, entity);
CREATE UNIQUE INDEX uk_user_login ON llx_user (login, entity);
CREATE UNIQUE INDEX uk_user_api_key ON llx_user (api_key);
CREATE INDEX idx_user_fk_societe ON llx_user (fk_soc);
CREATE UNIQUE INDEX uk_user_param ON llx_user_param (fk_user, param, entity);
CREATE UNIQUE INDEX uk_user_rights ON llx_user_rights (entity, fk_user, fk_id);
CREATE UNIQUE INDEX uk_usergroup_name ON llx_usergroup (nom, entity);
CREATE UNIQUE INDEX uk_usergroup_user ON llx_usergroup_user (entity, fk_user, fk_usergroup);
CREATE UNIQUE INDEX uk_usergroup_rights ON llx_usergroup_rights (entity, fk_usergroup, fk_id);
CREATE INDEX idx_events_dateevent ON llx_events (dateevent);
CREATE UNIQUE INDEX uk_c_actioncomm ON llx_c_actioncomm (code);
CREATE UNIQUE INDEX uk_societe_code_client ON llx_societe (code_client, entity);
CREATE UNIQUE INDEX uk_societe_code_fournisseur ON llx_societe (code_fournisseur, entity);
CREATE INDEX idx_societe_nom ON llx_societe (nom);
CREATE UNIQUE INDEX uk_societe_commerciaux ON llx_societe_commerciaux (fk_soc, fk_user, fk_c_type_contact_code);
CREATE INDEX idx_socpeople_fk_soc ON llx_socpeople (fk_soc);
CREATE INDEX idx_socpeople_lastname ON llx_socpeople (lastname);
CREATE UNIQUE INDEX uk_product_ref ON llx_product (ref, entity);
CREATE INDEX idx_product_label ON llx_product (label);
CREATE UNIQUE INDEX uk_entrepot_label ON llx_entrepot (ref, entity);
CREATE UNIQUE INDEX uk_product_stock ON llx_product_stock (fk_product, fk_entrepot);
CREATE UNIQUE INDEX uk_propal_ref ON llx_propal (ref, entity);
CREATE INDEX idx_propal_fk_soc ON llx_propal (fk_soc);
CREATE INDEX idx_propaldet_fk_propal ON llx_propaldet (fk_propal);
CREATE UNIQUE INDEX uk_commande_ref ON llx_commande (ref, entity);
CREATE INDEX idx_commande_fk_soc ON llx_commande (fk_soc);
CREATE INDEX idx_commandedet_fk_commande ON llx_commandedet (fk_commande);
CREATE UNIQUE INDEX uk_facture_ref ON llx_facture (ref, entity);
CREATE INDEX idx_facture_fk_soc ON llx_facture (fk_soc);
CREATE INDEX idx_facture_datef ON llx_facture (datef);
CREATE INDEX idx_facturedet_fk_facture ON llx_facturedet (fk_facture);
CREATE INDEX idx_facturedet_fk_product ON llx_facturedet (fk_product);
CREATE INDEX idx_paiement_facture_fk_facture ON llx_paiement_facture (fk_facture);
CREATE UNIQUE INDEX uk_paiement_facture ON llx_paiement_facture (fk_paiement, fk_facture);
CREATE UNIQUE INDEX uk_commande_fournisseur_ref ON llx_commande_fournisseur (ref, entity);
CREATE INDEX idx_commande_fournisseurdet_fk_commande ON llx_commande_fournisseurdet (fk_commande);
CREATE UNIQUE INDEX uk_facture_fourn_ref ON llx_facture_fourn (ref, entity);
CREATE INDEX idx_facture_fourn_fk_soc ON llx_facture_fourn (fk_soc);
CREATE INDEX idx_facture_fourn_det_fk_facture ON llx_facture_fourn_det (fk_facture_fourn);
CREATE UNIQUE INDEX uk_bank_account_label ON llx_bank_account (label, entity);
CREATE INDEX idx_bank_dateo ON llx_bank (dateo);
CREATE INDEX idx_bank_fk_account ON llx_bank (fk_account);
CREATE UNIQUE INDEX uk_bank_url ON llx_bank_url (fk_bank, url_id, type);
CREATE UNIQUE INDEX uk_category_bankline_lineid ON llx_category_bankline (lineid, fk_categ);
CREATE UNIQUE INDEX uk_actioncomm_ref ON llx_actioncomm (ref, entity);
CREATE INDEX idx_actioncomm_fk_soc ON llx_actioncomm (fk_soc);
CREATE INDEX idx_actioncomm_datep ON llx_actioncomm (datep);
CREATE UNIQUE INDEX uk_ecm_files ON llx_ecm_files (filepath, filename, entity);
CREATE INDEX idx_ecm_files_label ON llx_ecm_files (label);
CREATE UNIQUE INDEX idx_element_element_idx1 ON llx_element_element (fk_source, sourcetype, fk_target, targettype);
CREATE UNIQUE INDEX uk_cronjob ON llx_cronjob (label, entity);
CREATE UNIQUE INDEX uk_webhook_target_ref ON llx_webhook_target (ref, entity);
CREATE UNIQUE INDEX uk_emailcollector_emailcollector_ref ON llx_emailcollector_emailcollector (ref, entity);
CREATE UNIQUE INDEX uk_mailing ON llx_mailing (titre, entity);

ALTER TABLE llx_user_rights ADD CONSTRAINT fk_user_rights_fk_user_user
  FOREIGN KEY (fk_user) REFERENCES llx_user (rowid) DEFERRABLE;
ALTER TABLE llx_usergroup_user ADD CONSTRAINT fk_usergroup_user_fk_user
  FOREIGN KEY (fk_user) REFERENCES llx_user (rowid) DEFERRABLE;
ALTER TABLE llx_usergroup_user ADD CONSTRAINT fk_usergroup_user_fk_usergroup
  FOREIGN KEY (fk_usergroup) REFERENCES llx_usergroup (rowid) DEFERRABLE;
ALTER TABLE llx_usergroup_rights ADD CONSTRAINT fk_usergroup_rights_fk_usergroup
  FOREIGN KEY (fk_usergroup) REFERENCES llx_usergroup (rowid) DEFERRABLE;
ALTER TABLE llx_socpeople ADD CONSTRAINT fk_socpeople_fk_soc
  FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid) DEFERRABLE;
ALTER TABLE llx_categorie_societe ADD CONSTRAINT fk_categorie_societe_categorie_rowid
  FOREIGN KEY (fk_categorie) REFERENCES llx_categorie (rowid) DEFERRABLE;
ALTER TABLE llx_categorie_societe ADD CONSTRAINT fk_categorie_societe_fk_soc
  FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid) DEFERRABLE;
ALTER TABLE llx_product_stock ADD CONSTRAINT fk_product_product_rowid
  FOREIGN KEY (fk_product) REFERENCES llx_product (rowid) DEFERRABLE;
ALTER TABLE llx_product_stock ADD CONSTRAINT fk_entrepot_entrepot_rowid
  FOREIGN KEY (fk_entrepot) REFERENCES llx_entrepot (rowid) DEFERRABLE;
ALTER TABLE llx_propal ADD CONSTRAINT fk_propal_fk_soc
  FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid) DEFERRABLE;
ALTER TABLE llx_propal ADD CONSTRAINT fk_propal_fk_user_author
  FOREIGN KEY (fk_user_author) REFERENCES llx_user (rowid) DEFERRABLE;
ALTER TABLE llx_propaldet ADD CONSTRAINT fk_propaldet_fk_propal
  FOREIGN KEY (fk_propal) REFERENCES llx_propal (rowid) DEFERRABLE;
ALTER TABLE llx_commande ADD CONSTRAINT fk_commande_fk_soc
  FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid) DEFERRABLE;
ALTER TABLE llx_commande ADD CONSTRAINT fk_commande_fk_user_author
  FOREIGN KEY (fk_user_author) REFERENCES llx_user (rowid) DEFERRABLE;
ALTER TABLE llx_commandedet ADD CONSTRAINT fk_commandedet_fk_commande
  FOREIGN KEY (fk_commande) REFERENCES llx_commande (rowid) DEFERRABLE;
ALTER TABLE llx_facture ADD CONSTRAINT fk_facture_fk_soc
  FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid) DEFERRABLE;
ALTER TABLE llx_facture ADD CONSTRAINT fk_facture_fk_user_author
  FOREIGN KEY (fk_user_author) REFERENCES llx_user (rowid) DEFERRABLE;
ALTER TABLE llx_facturedet ADD CONSTRAINT fk_facturedet_fk_facture_facture
  FOREIGN KEY (fk_facture) REFERENCES llx_facture (rowid) DEFERRABLE;
ALTER TABLE llx_paiement_facture ADD CONSTRAINT fk_paiement_facture_fk_facture
  FOREIGN KEY (fk_facture) REFERENCES llx_facture (rowid) DEFERRABLE;
ALTER TABLE llx_paiement_facture ADD CONSTRAINT fk_paiement_facture_fk_paiement
  FOREIGN KEY (fk_paiement) REFERENCES llx_paiement (rowid) DEFERRABLE;
ALTER TABLE llx_commande_fournisseur ADD CONSTRAINT fk_commande_fournisseur_fk_soc
  FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid) DEFERRABLE;
ALTER TABLE llx_facture_fourn ADD CONSTRAINT fk_facture_fourn_fk_soc
  FOREIGN KEY (fk_soc) REFERENCES llx_societe (rowid) DEFERRABLE;
ALTER TABLE llx_facture_fourn_det ADD CONSTRAINT fk_facture_fourn_det_fk_facture
  FOREIGN KEY (fk_facture_fourn) REFERENCES llx_facture_fourn (rowid) DEFERRABLE;
ALTER TABLE llx_bank_account ADD CONSTRAINT fk_bank_account_fk_pays
  FOREIGN KEY (fk_pays) REFERENCES llx_c_country (rowid) DEFERRABLE;

-- every table with a column tms keeps the time of its last change by itself, as in Dolibarr
DO $$
DECLARE changing regclass;
BEGIN
  FOR changing IN
    SELECT attrelid::regclass FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE attname = 'tms' AND relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1
  LOOP
    EXECUTE format('CREATE TRIGGER update_customer_modtime BEFORE UPDATE ON %s '
                   'FOR EACH ROW EXECUTE FUNCTION update_modified_column_tms()', changing);
  END LOOP;
END $$;

-- rows were numbered by the seed: let each sequence go on from there
DO $$
DECLARE counted record; highest bigint;
BEGIN
  FOR counted IN
    SELECT attrelid::regclass AS owner, attname AS name,
           pg_get_serial_sequence(attrelid::regclass::text, attname) AS counter
      FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attname IN ('rowid', 'id')
       AND pg_get_serial_sequence(attrelid::regclass::text, attname) IS NOT NULL
  LOOP
    EXECUTE format('SELECT max(%I) FROM %s', counted.name, counted.owner) INTO highest;
    IF highest IS NOT NULL THEN PERFORM setval(counted.counter, highest); END IF;
  END LOOP;
END $$;
