-- The part of Dolibarr's tables that the lab has, under their real names; keys.sql adds what is checked.

CREATE FUNCTION update_modified_column_tms() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.tms = now(); RETURN NEW; END $$;

CREATE FUNCTION unix_timestamp(timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT extract(epoch FROM $1)::bigint $$;

-- dictionaries
CREATE TABLE llx_c_country (
  rowid integer PRIMARY KEY, code varchar(2) NOT NULL, code_iso varchar(3), label varchar(128) NOT NULL,
  eec smallint DEFAULT 0 NOT NULL, active smallint DEFAULT 1 NOT NULL, favorite smallint DEFAULT 0 NOT NULL
);
CREATE TABLE llx_c_paiement (
  id serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, code varchar(6) NOT NULL, libelle varchar(128),
  type smallint, active smallint DEFAULT 1 NOT NULL, position integer DEFAULT 0 NOT NULL
);
CREATE TABLE llx_c_actioncomm (
  id integer PRIMARY KEY, code varchar(50) NOT NULL, type varchar(50) DEFAULT 'system' NOT NULL,
  libelle varchar(128) NOT NULL, module varchar(50), active smallint DEFAULT 1 NOT NULL,
  position integer DEFAULT 0 NOT NULL
);
CREATE TABLE llx_c_tva (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, fk_pays integer NOT NULL,
  code varchar(10) DEFAULT '', taux numeric NOT NULL, note varchar(128), active smallint DEFAULT 1 NOT NULL
);

-- settings, users and rights
CREATE TABLE llx_const (
  rowid serial PRIMARY KEY, name varchar(180) NOT NULL, entity integer DEFAULT 1 NOT NULL,
  value text NOT NULL, type varchar(64) DEFAULT 'string', visible smallint DEFAULT 1 NOT NULL, note text,
  tms timestamp DEFAULT now() NOT NULL
);
CREATE TABLE llx_user (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, ref_employee varchar(50), ref_ext varchar(50),
  admin smallint DEFAULT 0, employee smallint DEFAULT 1, datec timestamp, tms timestamp DEFAULT now() NOT NULL,
  fk_user_creat integer, fk_user_modif integer, login varchar(50) NOT NULL, pass_encoding varchar(24),
  pass varchar(128), pass_crypted varchar(128), pass_temp varchar(128), api_key varchar(128),
  gender varchar(10), civility varchar(6), lastname varchar(50), firstname varchar(50), address varchar(255),
  zip varchar(25), town varchar(50), fk_state integer DEFAULT 0, fk_country integer DEFAULT 0, birth date,
  job varchar(128), office_phone varchar(30), user_mobile varchar(30), email varchar(255),
  personal_email varchar(255), signature text, socialnetworks text, fk_soc integer, fk_socpeople integer,
  fk_user integer, note_public text, note_private text, datelastlogin timestamp, datepreviouslogin timestamp,
  datelastpassvalidation timestamp, datestartvalidity timestamp, dateendvalidity timestamp,
  flagdelsessionsbefore timestamp, iplastlogin varchar(250), ippreviouslogin varchar(250), ldap_sid varchar(255),
  openid varchar(255), statut smallint DEFAULT 1, photo varchar(255), lang varchar(6), color varchar(6),
  nb_holiday integer DEFAULT 0, thm numeric(24,8), salary numeric(24,8), dateemployment date,
  weeklyhours numeric(16,8), import_key varchar(14)
);
CREATE TABLE llx_user_param (
  fk_user integer NOT NULL, entity integer DEFAULT 1 NOT NULL, param varchar(180) NOT NULL, value text NOT NULL
);
CREATE TABLE llx_rights_def (
  id integer NOT NULL, entity integer DEFAULT 1 NOT NULL, libelle varchar(255), module varchar(64),
  module_origin varchar(64), module_position integer DEFAULT 0 NOT NULL, family varchar(64),
  family_position integer DEFAULT 0 NOT NULL, perms varchar(50), subperms varchar(50), type varchar(1),
  bydefault smallint DEFAULT 0, enabled text, PRIMARY KEY (id, entity)
);
CREATE TABLE llx_user_rights (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, fk_user integer NOT NULL, fk_id integer NOT NULL
);
CREATE TABLE llx_usergroup (
  rowid serial PRIMARY KEY, nom varchar(180) NOT NULL, entity integer DEFAULT 1 NOT NULL, datec timestamp,
  tms timestamp DEFAULT now() NOT NULL, color varchar(6), note text, model_pdf varchar(255)
);
CREATE TABLE llx_usergroup_user (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, fk_user integer NOT NULL,
  fk_usergroup integer NOT NULL
);
CREATE TABLE llx_usergroup_rights (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, fk_usergroup integer NOT NULL,
  fk_id integer NOT NULL
);
CREATE TABLE llx_events (
  rowid serial PRIMARY KEY, tms timestamp DEFAULT now() NOT NULL, type varchar(32) NOT NULL,
  entity integer DEFAULT 1 NOT NULL, dateevent timestamp, fk_user integer, description varchar(250) NOT NULL,
  ip varchar(250) NOT NULL, user_agent varchar(255), fk_object integer, authentication_method varchar(64)
);

-- third parties and products
CREATE TABLE llx_societe (
  rowid serial PRIMARY KEY, nom varchar(128), name_alias varchar(128), entity integer DEFAULT 1 NOT NULL,
  ref_ext varchar(255), statut smallint DEFAULT 0, parent integer, status smallint DEFAULT 1,
  code_client varchar(24), code_fournisseur varchar(24), code_compta varchar(32),
  code_compta_fournisseur varchar(32), address varchar(255), zip varchar(25), town varchar(50),
  fk_departement integer DEFAULT 0, fk_pays integer DEFAULT 0, phone varchar(30), fax varchar(30),
  url varchar(255), email varchar(128), fk_typent integer, fk_forme_juridique integer DEFAULT 0,
  siren varchar(128), siret varchar(128), ape varchar(128), tva_intra varchar(20), capital numeric(24,8),
  fk_stcomm integer DEFAULT 0 NOT NULL, note_private text, note_public text, client smallint DEFAULT 0,
  fournisseur smallint DEFAULT 0, remise_client real DEFAULT 0, mode_reglement integer,
  cond_reglement smallint, tva_assuj smallint DEFAULT 1, outstanding_limit numeric(24,8),
  default_lang varchar(6), logo varchar(255), canvas varchar(32), datec timestamp,
  tms timestamp DEFAULT now() NOT NULL, fk_user_creat integer, fk_user_modif integer,
  multicurrency_code varchar(3), ip varchar(250), import_key varchar(14)
);
CREATE TABLE llx_societe_commerciaux (
  rowid serial PRIMARY KEY, fk_soc integer, fk_user integer,
  fk_c_type_contact_code varchar(32) DEFAULT 'SALESREPTHIRD' NOT NULL, import_key varchar(14)
);
CREATE TABLE llx_socpeople (
  rowid serial PRIMARY KEY, datec timestamp, tms timestamp DEFAULT now() NOT NULL, fk_soc integer,
  entity integer DEFAULT 1 NOT NULL, ref_ext varchar(255), civility varchar(6), lastname varchar(50),
  firstname varchar(50), address varchar(255), zip varchar(25), town varchar(255), fk_pays integer DEFAULT 0,
  birthday date, poste varchar(255), phone varchar(30), phone_mobile varchar(30), email varchar(255),
  no_email smallint DEFAULT 0 NOT NULL, priv smallint DEFAULT 0 NOT NULL, fk_user_creat integer DEFAULT 0,
  fk_user_modif integer, note_private text, note_public text, import_key varchar(14),
  statut smallint DEFAULT 1 NOT NULL
);
CREATE TABLE llx_categorie (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, fk_parent integer DEFAULT 0 NOT NULL,
  label varchar(180) NOT NULL, type integer DEFAULT 1 NOT NULL, description text, color varchar(8),
  date_creation timestamp, tms timestamp DEFAULT now() NOT NULL, visible smallint DEFAULT 1 NOT NULL
);
CREATE TABLE llx_categorie_societe (
  fk_categorie integer NOT NULL, fk_soc integer NOT NULL, import_key varchar(14),
  PRIMARY KEY (fk_categorie, fk_soc)
);
CREATE TABLE llx_product (
  rowid serial PRIMARY KEY, ref varchar(128) NOT NULL, entity integer DEFAULT 1 NOT NULL, ref_ext varchar(128),
  datec timestamp, tms timestamp DEFAULT now() NOT NULL, label varchar(255) NOT NULL, description text,
  note text, price numeric(24,8) DEFAULT 0, price_ttc numeric(24,8) DEFAULT 0,
  price_base_type varchar(3) DEFAULT 'HT', cost_price numeric(24,8), tva_tx numeric(7,4),
  fk_user_author integer, tosell smallint DEFAULT 1, tobuy smallint DEFAULT 1,
  fk_product_type integer DEFAULT 0, duration varchar(6), barcode varchar(180),
  accountancy_code_sell varchar(32), weight numeric, stock real, pmp numeric(24,8) DEFAULT 0 NOT NULL,
  finished smallint, import_key varchar(14)
);
CREATE TABLE llx_entrepot (
  rowid serial PRIMARY KEY, ref varchar(255) NOT NULL, datec timestamp, tms timestamp DEFAULT now() NOT NULL,
  entity integer DEFAULT 1 NOT NULL, description text, lieu varchar(64), town varchar(50),
  statut smallint DEFAULT 1
);
CREATE TABLE llx_product_stock (
  rowid serial PRIMARY KEY, tms timestamp DEFAULT now() NOT NULL, fk_product integer NOT NULL,
  fk_entrepot integer NOT NULL, reel real, import_key varchar(14)
);

-- sales
CREATE TABLE llx_propal (
  rowid serial PRIMARY KEY, ref varchar(30) NOT NULL, entity integer DEFAULT 1 NOT NULL, ref_client varchar(255),
  fk_soc integer, tms timestamp DEFAULT now() NOT NULL, datec timestamp, datep date, fin_validite timestamp,
  date_valid timestamp, fk_user_author integer, fk_user_valid integer, fk_statut smallint DEFAULT 0 NOT NULL,
  total_ht numeric(24,8) DEFAULT 0, total_tva numeric(24,8) DEFAULT 0, total_ttc numeric(24,8) DEFAULT 0,
  note_private text, note_public text, model_pdf varchar(255), last_main_doc varchar(255), import_key varchar(14)
);
CREATE TABLE llx_propaldet (
  rowid serial PRIMARY KEY, fk_propal integer NOT NULL, fk_product integer, label varchar(255), description text,
  tva_tx numeric(7,4) DEFAULT 0, qty real, remise_percent real DEFAULT 0, subprice numeric(24,8) DEFAULT 0,
  total_ht numeric(24,8) DEFAULT 0, total_tva numeric(24,8) DEFAULT 0, total_ttc numeric(24,8) DEFAULT 0,
  product_type integer DEFAULT 0, rang integer DEFAULT 0
);
CREATE TABLE llx_commande (
  rowid serial PRIMARY KEY, ref varchar(30) NOT NULL, entity integer DEFAULT 1 NOT NULL, ref_client varchar(255),
  fk_soc integer NOT NULL, tms timestamp DEFAULT now() NOT NULL, date_creation timestamp, date_valid timestamp,
  date_commande date, fk_user_author integer, fk_user_valid integer, fk_statut smallint DEFAULT 0,
  total_tva numeric(24,8) DEFAULT 0, total_ht numeric(24,8) DEFAULT 0, total_ttc numeric(24,8) DEFAULT 0,
  note_private text, note_public text, model_pdf varchar(255), facture smallint DEFAULT 0,
  date_livraison timestamp, import_key varchar(14)
);
CREATE TABLE llx_commandedet (
  rowid serial PRIMARY KEY, fk_commande integer NOT NULL, fk_product integer, label varchar(255),
  description text, tva_tx numeric(7,4), qty real, remise_percent real DEFAULT 0,
  subprice numeric(24,8) DEFAULT 0, total_ht numeric(24,8) DEFAULT 0, total_tva numeric(24,8) DEFAULT 0,
  total_ttc numeric(24,8) DEFAULT 0, product_type integer DEFAULT 0, rang integer DEFAULT 0
);
CREATE TABLE llx_facture (
  rowid serial PRIMARY KEY, ref varchar(30) NOT NULL, entity integer DEFAULT 1 NOT NULL, ref_ext varchar(255),
  ref_client varchar(255), type smallint DEFAULT 0 NOT NULL, fk_soc integer NOT NULL, datec timestamp,
  datef date, date_valid date, tms timestamp DEFAULT now() NOT NULL, date_closing timestamp,
  paye smallint DEFAULT 0 NOT NULL, close_code varchar(16), total_tva numeric(24,8) DEFAULT 0,
  total_ht numeric(24,8) DEFAULT 0, total_ttc numeric(24,8) DEFAULT 0, fk_statut smallint DEFAULT 0 NOT NULL,
  fk_user_author integer, fk_user_modif integer, fk_user_valid integer, fk_account integer,
  fk_cond_reglement integer DEFAULT 1 NOT NULL, fk_mode_reglement integer, date_lim_reglement date,
  note_private text, note_public text, model_pdf varchar(255), last_main_doc varchar(255),
  import_key varchar(14), multicurrency_code varchar(3), ip varchar(250)
);
CREATE TABLE llx_facturedet (
  rowid serial PRIMARY KEY, fk_facture integer NOT NULL, fk_product integer, label varchar(255),
  description text, tva_tx numeric(7,4), qty real, remise_percent real DEFAULT 0, subprice numeric(24,8),
  total_ht numeric(24,8), total_tva numeric(24,8), total_ttc numeric(24,8), product_type integer DEFAULT 0,
  rang integer DEFAULT 0, fk_code_ventilation integer DEFAULT 0 NOT NULL, fk_user_author integer
);
CREATE TABLE llx_paiement (
  rowid serial PRIMARY KEY, ref varchar(30), entity integer DEFAULT 1 NOT NULL, datec timestamp,
  tms timestamp DEFAULT now() NOT NULL, datep timestamp, amount numeric(24,8) DEFAULT 0,
  fk_paiement integer NOT NULL, num_paiement varchar(50), note text, fk_bank integer DEFAULT 0 NOT NULL,
  fk_user_creat integer, statut smallint DEFAULT 0 NOT NULL
);
CREATE TABLE llx_paiement_facture (
  rowid serial PRIMARY KEY, fk_paiement integer, fk_facture integer, amount numeric(24,8) DEFAULT 0
);

-- purchases
CREATE TABLE llx_commande_fournisseur (
  rowid serial PRIMARY KEY, ref varchar(180) NOT NULL, entity integer DEFAULT 1 NOT NULL,
  ref_supplier varchar(255), fk_soc integer NOT NULL, tms timestamp DEFAULT now() NOT NULL,
  date_creation timestamp, date_commande date, fk_user_author integer, source smallint NOT NULL,
  fk_statut smallint DEFAULT 0, billed smallint DEFAULT 0, total_tva numeric(24,8) DEFAULT 0,
  total_ht numeric(24,8) DEFAULT 0, total_ttc numeric(24,8) DEFAULT 0, note_private text, import_key varchar(14)
);
CREATE TABLE llx_commande_fournisseurdet (
  rowid serial PRIMARY KEY, fk_commande integer NOT NULL, fk_product integer, ref varchar(128),
  label varchar(255), description text, tva_tx numeric(7,4) DEFAULT 0, qty real,
  subprice numeric(24,8) DEFAULT 0, total_ht numeric(24,8) DEFAULT 0, total_tva numeric(24,8) DEFAULT 0,
  total_ttc numeric(24,8) DEFAULT 0, product_type integer DEFAULT 0, rang integer DEFAULT 0
);
CREATE TABLE llx_facture_fourn (
  rowid serial PRIMARY KEY, ref varchar(180) NOT NULL, ref_supplier varchar(180) NOT NULL,
  entity integer DEFAULT 1 NOT NULL, type smallint DEFAULT 0 NOT NULL, fk_soc integer NOT NULL, datec timestamp,
  datef date, tms timestamp DEFAULT now() NOT NULL, libelle varchar(255), paye smallint DEFAULT 0 NOT NULL,
  amount numeric(24,8) DEFAULT 0 NOT NULL, total_tva numeric(24,8) DEFAULT 0, total_ht numeric(24,8) DEFAULT 0,
  total_ttc numeric(24,8) DEFAULT 0, fk_statut smallint DEFAULT 0 NOT NULL, fk_user_author integer,
  date_lim_reglement date, note_private text, import_key varchar(14)
);
CREATE TABLE llx_facture_fourn_det (
  rowid serial PRIMARY KEY, fk_facture_fourn integer NOT NULL, fk_product integer, ref varchar(128),
  label varchar(255), description text, pu_ht numeric(24,8), pu_ttc numeric(24,8), qty real,
  tva_tx numeric(7,4), total_ht numeric(24,8), tva numeric(24,8), total_ttc numeric(24,8),
  product_type integer DEFAULT 0, rang integer DEFAULT 0
);

-- bank, agenda, documents, links between objects
CREATE TABLE llx_bank_account (
  rowid serial PRIMARY KEY, datec timestamp, tms timestamp DEFAULT now() NOT NULL, ref varchar(12) NOT NULL,
  label varchar(50) NOT NULL, entity integer DEFAULT 1 NOT NULL, bank varchar(60), number varchar(255),
  bic varchar(11), iban_prefix varchar(100), fk_pays integer NOT NULL, proprio varchar(60),
  courant smallint DEFAULT 0 NOT NULL, clos smallint DEFAULT 0 NOT NULL, rappro smallint DEFAULT 1,
  account_number varchar(32), currency_code varchar(3) NOT NULL, comment text
);
CREATE TABLE llx_bank (
  rowid serial PRIMARY KEY, datec timestamp, tms timestamp DEFAULT now() NOT NULL, datev date, dateo date,
  amount numeric(24,8) DEFAULT 0 NOT NULL, label varchar(255), fk_account integer, fk_user_author integer,
  fk_type varchar(6), num_releve varchar(50), num_chq varchar(50), rappro smallint DEFAULT 0, note text,
  emetteur varchar(255)
);
CREATE TABLE llx_bank_url (
  rowid serial PRIMARY KEY, fk_bank integer, url_id integer, url varchar(255), label varchar(255),
  type varchar(24) NOT NULL
);
CREATE TABLE llx_category_bankline (lineid integer NOT NULL, fk_categ integer NOT NULL, import_key varchar(14));
CREATE TABLE llx_actioncomm (
  id serial PRIMARY KEY, ref varchar(30) NOT NULL, entity integer DEFAULT 1 NOT NULL, datep timestamp,
  datep2 timestamp, fk_action integer, code varchar(50), datec timestamp, tms timestamp DEFAULT now() NOT NULL,
  fk_user_author integer, fk_soc integer, fk_contact integer, fk_parent integer DEFAULT 0 NOT NULL,
  fk_user_action integer, priority smallint, percent smallint DEFAULT 0 NOT NULL, label varchar(255) NOT NULL,
  note text, email_from varchar(255), email_to varchar(255), fk_element integer, elementtype varchar(255)
);
CREATE TABLE llx_ecm_files (
  rowid serial PRIMARY KEY, ref varchar(128), label varchar(128) NOT NULL, share varchar(128),
  entity integer DEFAULT 1 NOT NULL, filepath varchar(255) NOT NULL, filename varchar(255) NOT NULL,
  src_object_type varchar(64), src_object_id integer, fullpath_orig varchar(750), description varchar(255),
  keywords varchar(750), content text, position integer, gen_or_uploaded varchar(12), date_c timestamp,
  tms timestamp DEFAULT now() NOT NULL, fk_user_c integer
);
CREATE TABLE llx_element_element (
  rowid serial PRIMARY KEY, fk_source integer NOT NULL, sourcetype varchar(64) NOT NULL,
  fk_target integer NOT NULL, targettype varchar(64) NOT NULL, relationtype varchar(64)
);

-- what reaches the outside world
CREATE TABLE llx_cronjob (
  rowid serial PRIMARY KEY, tms timestamp DEFAULT now() NOT NULL, datec timestamp, jobtype varchar(10) NOT NULL,
  label varchar(255) NOT NULL, command varchar(255), classesname varchar(255), objectname varchar(255),
  methodename varchar(255), params text, module_name varchar(255), priority integer DEFAULT 0,
  datelastrun timestamp, datenextrun timestamp, datestart timestamp, lastresult text, lastoutput text,
  unitfrequency varchar(255) DEFAULT '3600' NOT NULL, frequency integer DEFAULT 0 NOT NULL, nbrun integer,
  status integer DEFAULT 1 NOT NULL, processing integer DEFAULT 0 NOT NULL, test varchar(255) DEFAULT '1',
  note text, entity integer DEFAULT 0
);
CREATE TABLE llx_webhook_target (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, ref varchar(128) NOT NULL, label varchar(255),
  type integer DEFAULT 0 NOT NULL, description text, date_creation timestamp NOT NULL,
  tms timestamp DEFAULT now() NOT NULL, fk_user_creat integer NOT NULL, fk_user_modif integer,
  status integer DEFAULT 0 NOT NULL, url varchar(255) NOT NULL, connection_method varchar(255),
  connection_data varchar(255), trigger_codes text
);
CREATE TABLE llx_zapier_hook (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, url varchar(255), event varchar(255),
  module varchar(128), action varchar(128), status integer, date_creation timestamp NOT NULL,
  fk_user integer NOT NULL, tms timestamp DEFAULT now() NOT NULL, import_key varchar(14)
);
CREATE TABLE llx_emailcollector_emailcollector (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1 NOT NULL, ref varchar(128) NOT NULL, label varchar(255),
  description text, host varchar(255), port varchar(10) DEFAULT '993',
  hostcharset varchar(16) DEFAULT 'UTF-8', imap_encryption varchar(16) DEFAULT 'ssl', login varchar(128),
  acces_type integer DEFAULT 0, oauth_service varchar(128), password varchar(128),
  source_directory varchar(255) DEFAULT 'Inbox' NOT NULL, target_directory varchar(255),
  maxemailpercollect integer DEFAULT 100, datelastresult timestamp, lastresult text, date_creation timestamp,
  tms timestamp DEFAULT now() NOT NULL, fk_user_creat integer NOT NULL, position integer DEFAULT 0 NOT NULL,
  status integer NOT NULL
);
CREATE TABLE llx_oauth_token (
  rowid serial PRIMARY KEY, service varchar(36), token text, tokenstring text, tokenstring_refresh text,
  expire_at timestamp, state text, fk_soc integer, fk_user integer, restricted_ips varchar(200),
  datec timestamp, tms timestamp DEFAULT now() NOT NULL, entity integer DEFAULT 1, lastaccess timestamp
);
CREATE TABLE llx_oauth_state (
  rowid serial PRIMARY KEY, service varchar(36), state varchar(128), fk_user integer, entity integer DEFAULT 1
);
CREATE TABLE llx_notify_def (
  rowid serial PRIMARY KEY, entity integer DEFAULT 1, tms timestamp DEFAULT now() NOT NULL, datec date,
  fk_action integer NOT NULL, fk_soc integer, fk_contact integer, fk_user integer, email varchar(255),
  threshold numeric(24,8), context varchar(128), type varchar(16) DEFAULT 'email'
);
CREATE TABLE llx_mailing (
  rowid serial PRIMARY KEY, messtype varchar(16) DEFAULT 'email', titre varchar(128),
  entity integer DEFAULT 1 NOT NULL, sujet varchar(128), body text, nbemail integer, email_from varchar(160),
  name_from varchar(128), date_creat timestamp, date_valid timestamp, date_envoi timestamp,
  tms timestamp DEFAULT now() NOT NULL, fk_user_creat integer, fk_user_valid integer,
  statut smallint DEFAULT 0, note_private text
);
