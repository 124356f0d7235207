-- Settings, people, rights and everything that talks to the outside world. All of it is made up.

INSERT INTO llx_c_country (rowid, code, code_iso, label, eec, favorite) VALUES
  (1, 'FR', 'FRA', 'France', 1, 1), (2, 'BE', 'BEL', 'Belgium', 1, 0), (3, 'IT', 'ITA', 'Italy', 1, 0),
  (4, 'ES', 'ESP', 'Spain', 1, 0), (5, 'DE', 'DEU', 'Germany', 1, 0), (6, 'CH', 'CHE', 'Switzerland', 0, 0),
  (7, 'GB', 'GBR', 'United Kingdom', 0, 0), (11, 'US', 'USA', 'United States', 0, 0);
INSERT INTO llx_c_paiement (id, code, libelle, type) VALUES
  (2, 'VIR', 'Transfer', 2), (3, 'PRE', 'Debit order', 2), (4, 'LIQ', 'Cash', 2), (6, 'CB', 'Credit card', 2),
  (7, 'CHQ', 'Cheque', 2);
INSERT INTO llx_c_actioncomm (id, code, type, libelle, position) VALUES
  (1, 'AC_TEL', 'system', 'Phone call', 2), (4, 'AC_EMAIL', 'system', 'Send Email', 4),
  (5, 'AC_RDV', 'system', 'Rendez-vous', 1), (40, 'AC_OTH_AUTO', 'systemauto', 'Other (auto)', 20),
  (50, 'AC_OTH', 'system', 'Other', 5);
INSERT INTO llx_c_tva (fk_pays, taux, note) VALUES
  (1, 20, 'VAT standard rate (France)'), (1, 10, 'VAT reduced rate (France)'), (1, 5.5, 'VAT reduced rate (France)'),
  (1, 0, 'VAT rate 0');

INSERT INTO llx_user (entity, admin, employee, datec, login, gender, civility, lastname, firstname, job, email,
                      office_phone, statut, lang, datelastpassvalidation) VALUES
  (0, 1, 1, '2019-03-04 09:12', 'admin', NULL, NULL, 'SuperAdmin', '', NULL, NULL, NULL, 1, NULL, '2019-03-04'),
  (1, 0, 1, '2019-03-11 10:00', 'c.moreau', 'woman', 'MME', 'Moreau', 'Claire', 'Directrice commerciale',
   'claire.moreau@arcodange.example', '+33 1 55 01 02 03', 1, 'fr_FR', '2024-01-08'),
  (1, 0, 1, '2020-09-01 08:30', 'j.smith', 'man', 'MR', 'Smith', 'John', 'Account manager',
   'john.smith@arcodange.example', '+33 1 55 01 02 04', 1, 'en_GB', '2024-02-19'),
  (1, 0, 1, '2021-01-04 08:30', 'n.benali', 'woman', 'MME', 'Benali', 'Nadia', 'Comptable',
   'nadia.benali@arcodange.example', '+33 1 55 01 02 05', 1, 'fr_FR', '2024-05-27'),
  (1, 0, 1, '2019-03-11 10:05', 'p.durand', 'man', 'MR', 'Durand', 'Pierre', 'Commercial',
   'pierre.durand@arcodange.example', NULL, 0, 'fr_FR', '2021-06-30'),
  (1, 0, 0, '2020-02-14 17:45', 'boutique_sync', NULL, NULL, 'Boutique', 'Synchronisation', NULL,
   'boutique@arcodange.example', NULL, 1, NULL, '2020-02-14'),
  (1, 0, 0, '2024-11-20 11:20', 'bi_export', NULL, NULL, 'Tableaux de bord', 'Export', NULL,
   'bi@arcodange.example', NULL, 1, NULL, '2024-11-20');
INSERT INTO llx_user_param (fk_user, param, value) VALUES
  (2, 'MAIN_LANG_DEFAULT', 'fr_FR'), (2, 'MAIN_SIZE_LISTE_LIMIT', '50'), (3, 'MAIN_LANG_DEFAULT', 'en_GB');
INSERT INTO llx_usergroup (nom, datec, note) VALUES
  ('Commerciaux', '2019-03-11', 'Ventes'), ('Comptabilité', '2021-01-04', 'Factures et banque');
INSERT INTO llx_usergroup_user (fk_user, fk_usergroup) VALUES (2, 1), (3, 1), (5, 1), (4, 2);

INSERT INTO llx_rights_def (id, module, perms, subperms, type, module_position, libelle)
SELECT id, module, perms, nullif(subperms, ''), type, position, libelle FROM (VALUES
  (11, 'facture', 'lire', '', 'a', 11, 'Read invoices'),
  (12, 'facture', 'creer', '', 'a', 11, 'Create and update invoices'),
  (13, 'facture', 'invoice_advance', 'unvalidate', 'a', 11, 'Devalidate invoices'),
  (14, 'facture', 'invoice_advance', 'validate', 'a', 11, 'Validate invoices'),
  (15, 'facture', 'invoice_advance', 'send', 'a', 11, 'Send invoices by email'),
  (16, 'facture', 'paiement', '', 'a', 11, 'Issue payments on invoices'),
  (19, 'facture', 'supprimer', '', 'a', 11, 'Delete invoices'),
  (21, 'propale', 'lire', '', 'r', 10, 'Read commercial proposals'),
  (22, 'propale', 'creer', '', 'w', 10, 'Create and update commercial proposals'),
  (24, 'propale', 'propal_advance', 'validate', 'd', 10, 'Validate commercial proposals'),
  (27, 'propale', 'supprimer', '', 'd', 10, 'Delete commercial proposals'),
  (28, 'propale', 'export', '', 'r', 10, 'Export commercial proposals'),
  (31, 'produit', 'lire', '', 'r', 26, 'Read products'),
  (32, 'produit', 'creer', '', 'w', 26, 'Create/modify products'),
  (33, 'produit', 'product_advance', 'read_prices', 'w', 26, 'Read prices of products'),
  (34, 'produit', 'supprimer', '', 'd', 26, 'Delete products'),
  (38, 'produit', 'export', '', 'r', 26, 'Export products'),
  (41, 'projet', 'lire', '', 'r', 14, 'Read projects and tasks'),
  (42, 'projet', 'creer', '', 'w', 14, 'Create/modify projects and tasks'),
  (44, 'projet', 'supprimer', '', 'd', 14, 'Delete projects and tasks'),
  (81, 'commande', 'lire', '', 'r', 11, 'Read sales orders'),
  (82, 'commande', 'creer', '', 'w', 11, 'Create/modify sales orders'),
  (84, 'commande', 'order_advance', 'validate', 'd', 11, 'Validate sales orders'),
  (87, 'commande', 'order_advance', 'close', 'd', 11, 'Close sales orders'),
  (89, 'commande', 'supprimer', '', 'd', 11, 'Delete sales orders'),
  (91, 'tax', 'charges', 'lire', 'r', 50, 'Read social contributions'),
  (92, 'tax', 'charges', 'creer', 'w', 50, 'Create/modify social contributions'),
  (111, 'banque', 'lire', '', 'r', 51, 'Read bank account and transactions'),
  (112, 'banque', 'modifier', '', 'w', 51, 'Create/modify/delete bank transactions'),
  (113, 'banque', 'configurer', '', 'a', 51, 'Configure bank accounts'),
  (114, 'banque', 'consolidate', '', 'w', 51, 'Reconcile bank transactions'),
  (115, 'banque', 'export', '', 'r', 51, 'Export transactions and statements'),
  (116, 'banque', 'transfer', '', 'w', 51, 'Transfers between accounts'),
  (117, 'banque', 'cheque', '', 'w', 51, 'Manage cheque deposits'),
  (121, 'societe', 'lire', '', 'r', 9, 'Read third parties'),
  (122, 'societe', 'creer', '', 'w', 9, 'Create and update third parties'),
  (125, 'societe', 'supprimer', '', 'd', 9, 'Delete third parties'),
  (126, 'societe', 'export', '', 'r', 9, 'Export third parties'),
  (251, 'user', 'user', 'lire', 'w', 5, 'Read information of other users, groups and permissions'),
  (252, 'user', 'user_advance', 'readperms', 'w', 5, 'Read permissions of other users'),
  (253, 'user', 'user', 'creer', 'w', 5, 'Create/modify users, groups and permissions'),
  (255, 'user', 'user', 'password', 'w', 5, 'Modify the password of other users'),
  (256, 'user', 'user', 'supprimer', 'w', 5, 'Delete or disable other users'),
  (262, 'societe', 'client', 'voir', 'r', 9, 'Read all third parties (and their objects) by internal users'),
  (281, 'societe', 'contact', 'lire', 'r', 9, 'Read contacts'),
  (282, 'societe', 'contact', 'creer', 'w', 9, 'Create and update contacts'),
  (283, 'societe', 'contact', 'supprimer', 'd', 9, 'Delete contacts'),
  (286, 'societe', 'contact', 'export', 'd', 9, 'Export contacts'),
  (341, 'user', 'self_advance', 'readperms', 'w', 5, 'Read its own permissions'),
  (342, 'user', 'self', 'creer', 'w', 5, 'Create/modify of its own user'),
  (343, 'user', 'self', 'password', 'w', 5, 'Modify its own password'),
  (358, 'user', 'user', 'export', 'w', 5, 'Export all users'),
  (531, 'service', 'lire', '', 'r', 29, 'Read services'),
  (532, 'service', 'creer', '', 'w', 29, 'Create/modify services'),
  (534, 'service', 'supprimer', '', 'd', 29, 'Delete services'),
  (538, 'service', 'export', '', 'r', 29, 'Export services'),
  (1181, 'fournisseur', 'lire', '', 'r', 12, 'Read suppliers'),
  (1182, 'fournisseur', 'commande', 'lire', 'r', 12, 'Read purchase orders'),
  (1183, 'fournisseur', 'commande', 'creer', 'w', 12, 'Create purchase orders'),
  (1185, 'fournisseur', 'commande', 'approuver', 'w', 12, 'Approve purchase orders'),
  (1186, 'fournisseur', 'commande', 'commander', 'w', 12, 'Order purchase orders'),
  (1188, 'fournisseur', 'commande', 'supprimer', 'd', 12, 'Delete purchase orders'),
  (1231, 'fournisseur', 'facture', 'lire', 'r', 12, 'Read vendor invoices'),
  (1232, 'fournisseur', 'facture', 'creer', 'w', 12, 'Create vendor invoices'),
  (1234, 'fournisseur', 'facture', 'supprimer', 'd', 12, 'Delete vendor invoices'),
  (1236, 'fournisseur', 'facture', 'export', 'r', 12, 'Export vendor invoices'),
  (1321, 'facture', 'facture', 'export', 'r', 11, 'Export invoices, attributes and payments'),
  (1421, 'commande', 'commande', 'export', 'r', 11, 'Export sales orders'),
  (2401, 'agenda', 'myactions', 'read', 'r', 16, 'Read actions/tasks linked to his account'),
  (2402, 'agenda', 'myactions', 'create', 'w', 16, 'Create/modify actions/tasks linked to his account'),
  (2403, 'agenda', 'myactions', 'delete', 'w', 16, 'Delete actions/tasks linked to his account'),
  (2411, 'agenda', 'allactions', 'read', 'r', 16, 'Read actions/tasks of others'),
  (2412, 'agenda', 'allactions', 'create', 'w', 16, 'Create/modify actions/tasks of others'),
  (2413, 'agenda', 'allactions', 'delete', 'w', 16, 'Delete actions/tasks of others'),
  (2414, 'agenda', 'export', '', 'w', 16, 'Export actions/tasks of others'),
  (2501, 'ecm', 'read', '', 'r', 10, 'Read or download documents'),
  (2503, 'ecm', 'upload', '', 'w', 10, 'Upload a document'),
  (2515, 'ecm', 'setup', '', 'w', 10, 'Administer directories of documents'),
  (2610, 'api', 'apikey', 'generate', 'w', 24, 'Generate/modify users API key')
) AS given (id, module, perms, subperms, type, position, libelle);
UPDATE llx_rights_def SET enabled = '1';

-- the administrator has every right, the two groups theirs, and the two robots what they need
INSERT INTO llx_user_rights (fk_user, fk_id) SELECT 1, id FROM llx_rights_def;
INSERT INTO llx_user_rights (fk_user, fk_id)
SELECT login, id FROM (VALUES (2, '{253,256}'::int[]), (3, '{342}'), (4, '{342}'),
  (6, '{121,122,262,31,32,342}'), (7, '{11,81,121,262,342,1321}')) AS given (login, ids), unnest(ids) AS id;
INSERT INTO llx_usergroup_rights (fk_usergroup, fk_id)
SELECT grp, id FROM (VALUES (1, '{21,22,31,81,82,121,122,262,281,282,2401,2402}'::int[]),
  (2, '{11,12,16,111,112,121,262,1231,1232}')) AS given (grp, ids), unnest(ids) AS id;

INSERT INTO llx_const (name, entity, value, type, visible) VALUES
  ('MAIN_INFO_SOCIETE_NOM', 1, 'Arcodange Distribution', 'chaine', 0),
  ('MAIN_INFO_SOCIETE_COUNTRY', 1, '1:FR:France', 'chaine', 0),
  ('MAIN_INFO_SOCIETE_TOWN', 1, 'Nantes', 'chaine', 0),
  ('MAIN_INFO_SOCIETE_MAIL', 1, 'contact@arcodange.example', 'chaine', 0),
  ('MAIN_INFO_SOCIETE_LOGO', 1, 'arcodange.png', 'chaine', 0),
  ('MAIN_INFO_SOCIETE_LOGO_SMALL', 1, 'arcodange_small.png', 'chaine', 0),
  ('MAIN_INFO_SOCIETE_LOGO_MINI', 1, 'arcodange_mini.png', 'chaine', 0),
  ('MAIN_MONNAIE', 1, 'EUR', 'chaine', 0), ('MAIN_LANG_DEFAULT', 1, 'auto', 'chaine', 0),
  ('MAIN_VERSION_FIRST_INSTALL', 0, '16.0.3', 'chaine', 0), ('MAIN_VERSION_LAST_INSTALL', 0, '16.0.3', 'chaine', 0),
  ('MAIN_VERSION_LAST_UPGRADE', 0, '23.0.0', 'chaine', 0),
  ('MAIN_SECURITY_HASH_ALGO', 0, 'password_hash', 'chaine', 0), ('MAIN_SIZE_LISTE_LIMIT', 1, '20', 'chaine', 0),
  ('MAIN_UPLOAD_DOC', 1, '2048', 'chaine', 0), ('MAIN_FEATURES_LEVEL', 1, '0', 'chaine', 1),
  ('SOCIETE_CODECLIENT_ADDON', 1, 'mod_codeclient_monkey', 'chaine', 0), ('FACTURE_ADDON', 1, 'mod_facture_terre', 'chaine', 0),
  ('MAIN_FIRST_PING_OK_DATE', 1, '20190304091500', 'chaine', 0), ('MAIN_FIRST_PING_OK_ID', 1, '6d61646575700000', 'chaine', 0);
INSERT INTO llx_const (name, entity, value, type, visible)
SELECT 'MAIN_MODULE_' || name, CASE WHEN name IN ('USER', 'API', 'CRON') THEN 0 ELSE 1 END, '1', 'string', 0
  FROM unnest('{USER,SOCIETE,PRODUCT,SERVICE,PROPALE,COMMANDE,FACTURE,FOURNISSEUR,BANQUE,AGENDA,ECM,API,CRON,WEBHOOK,
                ZAPIER,EMAILCOLLECTOR,STRIPE,PAYPAL,OAUTH,NOTIFICATION,MAILING,TICKET,LDAP}'::text[]) AS name;

-- credentials of things that do not exist; a copy must use none of them
INSERT INTO llx_const (name, entity, value, type, visible) VALUES
  ('MAIN_MAIL_SENDMODE', 1, 'smtps', 'chaine', 0), ('MAIN_MAIL_SMTP_SERVER', 1, 'smtp.prod.example', 'chaine', 0),
  ('MAIN_MAIL_SMTP_PORT', 1, '465', 'chaine', 0), ('MAIN_MAIL_SMTPS_ID', 1, 'erp@arcodange.example', 'chaine', 0),
  ('MAIN_MAIL_SMTPS_PW', 1, 'made-up-smtp-password', 'chaine', 0), ('MAIN_MAIL_EMAIL_FROM', 1, 'erp@arcodange.example', 'chaine', 0),
  ('MAIN_MAIL_AUTOCOPY_TO', 1, 'archive@arcodange.example', 'chaine', 0),
  ('MAIN_MAIL_SENDMODE_EMAILING', 1, 'smtps', 'chaine', 0),
  ('MAIN_MAIL_SMTP_SERVER_EMAILING', 1, 'bulk.prod.example', 'chaine', 0),
  ('MAIN_MAIL_SMTPS_ID_EMAILING', 1, 'news@arcodange.example', 'chaine', 0),
  ('MAIN_MAIL_SMTPS_PW_EMAILING', 1, 'made-up-bulk-password', 'chaine', 0),
  ('MAIN_SMS_SENDMODE', 1, 'ovh', 'chaine', 0),
  ('CRON_KEY', 0, 'made-up-cron-key-0d5f7a', 'chaine', 0),
  ('STRIPE_LIVE', 1, '1', 'chaine', 0), ('STRIPE_LIVE_PUBLISHABLE_KEY', 1, 'made-up-publishable-live', 'chaine', 0),
  ('STRIPE_LIVE_SECRET_KEY', 1, 'made-up-secret-live', 'chaine', 0),
  ('STRIPE_LIVE_WEBHOOK_KEY', 1, 'made-up-webhook-live', 'chaine', 0),
  ('PAYPAL_API_SANDBOX', 1, '', 'chaine', 0), ('PAYPAL_API_USER', 1, 'paypal.arcodange.example', 'chaine', 0),
  ('PAYPAL_API_PASSWORD', 1, 'made-up-paypal-password', 'chaine', 0),
  ('PAYPAL_API_SIGNATURE', 1, 'made-up-paypal-signature', 'chaine', 0),
  ('OAUTH_GOOGLE-mail_ID', 1, 'made-up.apps.example', 'chaine', 0),
  ('OAUTH_GOOGLE-mail_SECRET', 1, 'made-up-oauth-secret', 'chaine', 0),
  ('NOTIFICATION_FIXEDEMAIL_BILL_VALIDATE_THRESHOLD_HIGHER_0', 1, 'direction@arcodange.example', 'chaine', 0),
  ('LDAP_SYNCHRO_ACTIVE', 1, 'dolibarr2ldap', 'chaine', 0), ('LDAP_SERVER_HOST', 1, 'ldap.prod.example', 'chaine', 0),
  ('TICKET_ENABLE_PUBLIC_INTERFACE', 1, '1', 'chaine', 0), ('WEBSERVICES_KEY', 1, 'made-up-webservices-key', 'chaine', 0),
  ('FTP_SERVER_1', 1, 'ftp.prod.example', 'chaine', 0), ('FTP_PASSWORD_1', 1, 'made-up-ftp-password', 'chaine', 0),
  ('CLICKTODIAL_URL', 1, 'https://pbx.prod.example/dial', 'chaine', 0),
  ('AI_API_CHATGPT_KEY', 1, 'made-up-ai-key', 'chaine', 0),
  ('EXTERNAL_RSS_URLRSS_1', 1, 'https://news.prod.example/rss', 'chaine', 0),
  -- a second entity overrides entity 0, and must be muted as well
  ('MAIN_MAIL_SMTP_SERVER', 2, 'smtp2.prod.example', 'chaine', 0), ('STRIPE_LIVE', 2, '1', 'chaine', 0);

INSERT INTO llx_cronjob (datec, jobtype, label, classesname, objectname, methodename, module_name, unitfrequency,
                         frequency, nbrun, status, entity, datelastrun, datenextrun)
SELECT '2019-03-04', 'method', label, class, object, method, module, seconds, 1, 900, status, 0,
       '2025-12-30 02:00', '2025-12-31 02:00'
  FROM (VALUES
  ('PurgeDeleteTemporaryFilesShort', 'core/class/utils.class.php', 'Utils', 'purgeFiles', 'cron', '604800', 1),
  ('MakeLocalDatabaseDumpShort', 'core/class/utils.class.php', 'Utils', 'dumpDatabase', 'cron', '604800', 1),
  ('SendUnpaidInvoiceReminders', 'compta/facture/class/facture.class.php', 'Facture', 'sendEmailsRemindersOnInvoiceDueDate',
   'facture', '86400', 1),
  ('EmailCollector', 'emailcollector/class/emailcollector.class.php', 'EmailCollector', 'doCollect', 'emailcollector', '300', 1),
  ('SendAgendaReminders', 'comm/action/class/actioncomm.class.php', 'ActionComm', 'sendEmailsReminder', 'agenda', '600', 1),
  ('CleanUnfinishedCronjobShort', 'core/class/utils.class.php', 'Utils', 'cleanUnfinishedCronjob', 'cron', '300', 0)
  ) AS given (label, class, object, method, module, seconds, status);
INSERT INTO llx_webhook_target (ref, label, date_creation, fk_user_creat, status, url, trigger_codes) VALUES
  ('boutique', 'Boutique en ligne', '2022-05-02', 1, 1, 'https://hooks.prod.example/dolibarr',
   'BILL_VALIDATE,BILL_PAYED,COMPANY_MODIFY,PRODUCT_MODIFY,USER_MODIFY');
INSERT INTO llx_zapier_hook (url, event, module, action, status, date_creation, fk_user) VALUES
  ('https://zap.prod.example/catch/1', 'create', 'invoices', 'create', 1, '2023-01-10', 1);
INSERT INTO llx_emailcollector_emailcollector (ref, label, host, login, password, date_creation, fk_user_creat, status)
VALUES ('Support', 'Boîte support', 'imap.prod.example', 'support@arcodange.example', 'made-up-imap-password',
        '2023-02-01', 1, 1);
INSERT INTO llx_oauth_token (service, tokenstring, tokenstring_refresh, fk_user, datec) VALUES
  ('GOOGLE-mail', '{"made-up":"access-token"}', 'made-up-refresh-token', 1, '2024-03-01');
INSERT INTO llx_oauth_state (service, state, fk_user) VALUES ('GOOGLE-mail', 'made-up-state', 1);
INSERT INTO llx_notify_def (datec, fk_action, fk_user, email) VALUES ('2020-06-01', 9, 2, NULL),
  ('2020-06-01', 8, NULL, 'direction@arcodange.example');
INSERT INTO llx_mailing (titre, sujet, body, nbemail, email_from, date_creat, date_valid, fk_user_creat, statut) VALUES
  ('Catalogue printemps', 'Notre nouveau catalogue', '<p>Bonjour, …</p>', 412, 'news@arcodange.example', '2024-02-01',
   '2024-02-05', 2, 3),
  ('Soldes d''hiver', 'Dernière démarque', '<p>Bonjour, …</p>', 655, 'news@arcodange.example', '2025-12-20',
   '2025-12-22', 2, 1);
