-- Customers, products, sales, purchases, bank and agenda: made by the server from row numbers alone, so that
-- one size always gives the same rows. lab.invoices says how many customer invoices; the rest follows from it.

CREATE FUNCTION pg_temp.pick(i bigint, salt bigint, n bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS
$$ SELECT ((hashint8extended(i, salt) & 4611686018427387903) % n)::integer $$;
CREATE FUNCTION pg_temp.one(i bigint, salt bigint, choices text[]) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT choices[1 + pg_temp.pick(i, salt, cardinality(choices))] $$;
CREATE FUNCTION pg_temp.day(i bigint, total bigint) RETURNS date LANGUAGE sql IMMUTABLE AS
$$ SELECT date '2021-01-04' + (i * 1820 / greatest(total, 1))::integer $$;

CREATE TEMP TABLE scale AS
SELECT n AS invoices, 40 + n / 12 AS customers, 25 + n / 120 AS suppliers, 150 + n / 60 AS products,
       n / 2 AS proposals, n * 6 / 10 AS orders, n / 4 AS purchases, n * 3 AS events
  FROM (SELECT current_setting('lab.invoices')::bigint AS n) AS given;

INSERT INTO llx_societe (rowid, nom, name_alias, client, fournisseur, code_client, code_fournisseur, code_compta,
  address, zip, town, fk_pays, phone, email, url, siren, siret, tva_intra, fk_stcomm, datec, fk_user_creat,
  cond_reglement, mode_reglement, note_private)
SELECT i, pg_temp.one(i, 1, '{Menuiserie,Boulangerie,Garage,Atelier,Imprimerie,Transports,Librairie,Cave,Clinique,Studio,
         Société,Établissements,Maison,Groupe,Cabinet}') || ' ' ||
       pg_temp.one(i, 2, '{Lefèvre,Martin,Rousseau,Girard,Bonnet,Fontaine,Chevalier,Marchand,Blanchard,Perrin,Carpenter,
         Walker,Hughes,Bennett,Fletcher,Cooper,Mason,Turner,Ó Briain,Müller}') || ' ' ||
       pg_temp.one(i, 3, '{"& Fils",SARL,SAS,"& Cie",Ltd,Associés,Services,International,Nord,"de l''Ouest"}') ||
       CASE WHEN i > 400 THEN ' ' || i ELSE '' END,
       CASE WHEN i % 7 = 0 THEN 'Enseigne ' || i END,
       CASE WHEN i <= customers THEN 1 + (i % 9 = 0)::int * 2 ELSE 0 END, (i > customers)::int,
       CASE WHEN i <= customers THEN to_char(pg_temp.day(i, customers), '"CU"YYMM') || '-' || lpad(i::text, 5, '0') END,
       CASE WHEN i > customers THEN to_char(date '2020-06-01', '"SU"YYMM') || '-' || lpad((i - customers)::text, 5, '0') END,
       '411' || lpad(i::text, 6, '0'), 1 + pg_temp.pick(i, 4, 180) || ' ' ||
       pg_temp.one(i, 5, '{rue de la Paix,avenue Jean-Jaurès,boulevard Victor-Hugo,place du Marché,quai de la Fosse,High Street,
         Mill Lane,route de Vannes}'),
       lpad((1000 + pg_temp.pick(i, 6, 94000))::text, 5, '0'),
       pg_temp.one(i, 7, '{Nantes,Rennes,Angers,Lyon,Lille,Bordeaux,Toulouse,Bristol,Leeds,Bruxelles,Genève,Strasbourg}'),
       (ARRAY[1,1,1,1,1,2,6,7])[1 + pg_temp.pick(i, 7, 8)], '+33 2 ' || lpad(pg_temp.pick(i, 8, 100000000)::text, 8, '0'),
       'contact@client' || i || '.example', CASE WHEN i % 3 = 0 THEN 'https://client' || i || '.example' END,
       lpad(pg_temp.pick(i, 9, 999999999)::text, 9, '0'), lpad(pg_temp.pick(i, 9, 999999999)::text, 9, '0') || '00017',
       'FR' || lpad(pg_temp.pick(i, 10, 99)::text, 2, '0') || lpad(pg_temp.pick(i, 9, 999999999)::text, 9, '0'),
       pg_temp.pick(i, 11, 4), pg_temp.day(i, customers), 1 + pg_temp.pick(i, 12, 4), 1 + pg_temp.pick(i, 13, 3),
       (ARRAY[2,3,6,7])[1 + pg_temp.pick(i, 14, 4)],
       CASE WHEN i % 5 = 0 THEN 'Livraison uniquement le matin. Delivery in the morning only.' END
  FROM scale, generate_series(1, customers + suppliers) AS i;

INSERT INTO llx_societe_commerciaux (fk_soc, fk_user)
SELECT i, 2 + pg_temp.pick(i, 15, 2) FROM scale, generate_series(1, customers) AS i WHERE i % 3 <> 0;
INSERT INTO llx_socpeople (datec, fk_soc, civility, lastname, firstname, town, fk_pays, poste, phone, email, fk_user_creat)
SELECT pg_temp.day(i, customers), 1 + i % (customers + suppliers), pg_temp.one(i, 16, '{MR,MME}'),
       pg_temp.one(i, 17, '{Dubois,Petit,Laurent,Garcia,Roux,Vincent,Muller,Taylor,Brown,Wilson,Evans,Thomas,Robert}'),
       pg_temp.one(i, 18, '{Sophie,Julien,Camille,Antoine,Léa,Hugo,Emily,Oliver,Grace,Harry,Inès,Louis}'),
       pg_temp.one(i, 19, '{Nantes,Rennes,Lyon,Lille,Bristol,Leeds}'), 1,
       pg_temp.one(i, 20, '{Achats,Comptabilité,Direction,Logistique,Sales,Office manager}'),
       '+33 6 ' || lpad(pg_temp.pick(i, 21, 100000000)::text, 8, '0'), 'personne' || i || '@client.example', 2
  FROM scale, generate_series(1, (customers + suppliers) * 3 / 2) AS i;
INSERT INTO llx_categorie (label, type, color) VALUES ('Grands comptes', 2, '3a7'), ('Revendeurs', 2, '37a'), ('Export', 2, 'a73');
INSERT INTO llx_categorie_societe (fk_categorie, fk_soc)
SELECT 1 + pg_temp.pick(i, 22, 3), i FROM scale, generate_series(1, customers) AS i WHERE i % 4 = 0;

INSERT INTO llx_product (rowid, ref, label, description, datec, price, price_ttc, cost_price, tva_tx, fk_product_type,
  duration, fk_user_author, stock, pmp, accountancy_code_sell)
SELECT i, pg_temp.one(i, 23, '{TAB,CHA,LAM,BUR,ETA,SRV,CAB}') || '-' || lpad(i::text, 4, '0'),
       pg_temp.one(i, 24, '{Table,Chaise,Lampe,Bureau,Étagère,Fauteuil,Cabinet,Desk,Shelf,Installation,Livraison,Maintenance}')
       || ' ' || pg_temp.one(i, 25, '{chêne,hêtre,noyer,acier,blanc,noir,oak,walnut,premium,express,annuelle}') || ' ' || i,
       'Référence catalogue ' || i || '. Fabriqué en Europe, garantie deux ans. Made in Europe, two-year warranty.',
       date '2020-02-01' + (i % 900)::int, price, price * 1.2, price * 0.6, 20, (i % 8 = 0)::int,
       CASE WHEN i % 8 = 0 THEN '1y' END, 1, CASE WHEN i % 8 <> 0 THEN pg_temp.pick(i, 27, 200) END, price * 0.6, '707100'
  FROM scale, generate_series(1, products) AS i, LATERAL (SELECT (500 + pg_temp.pick(i, 26, 90000)) / 100.0 AS price) AS p;
INSERT INTO llx_entrepot (ref, datec, description, lieu, town) VALUES
  ('NANTES', '2019-03-12', 'Entrepôt principal', 'Quai 4', 'Nantes'), ('LEEDS', '2022-01-10', 'Northern depot', 'Unit 7', 'Leeds');
INSERT INTO llx_product_stock (fk_product, fk_entrepot, reel) SELECT rowid, 1, stock FROM llx_product WHERE stock IS NOT NULL;

-- lines first, then their documents with the lines' sums
CREATE TEMP TABLE line AS
SELECT d AS document, n AS rang, 1 + pg_temp.pick(d * 10 + n, 30, (SELECT products FROM scale)) AS product,
       1 + pg_temp.pick(d * 10 + n, 31, 20) AS qty
  FROM scale, generate_series(1, greatest(invoices, 1)) AS d, generate_series(1, 1 + pg_temp.pick(d, 32, 7)) AS n;
INSERT INTO llx_facturedet (fk_facture, fk_product, description, tva_tx, qty, subprice, total_ht, total_tva, total_ttc,
  product_type, rang, fk_user_author)
SELECT document, product, label || E'\n' || description, 20, qty, price, price * qty, price * qty * 0.2,
       price * qty * 1.2, fk_product_type, rang, 3
  FROM line JOIN llx_product ON llx_product.rowid = product ORDER BY document, rang;
INSERT INTO llx_facture (rowid, ref, ref_client, fk_soc, datec, datef, date_valid, paye, fk_statut, date_closing,
  total_ht, total_tva, total_ttc, fk_user_author, fk_user_valid, fk_account, fk_cond_reglement, fk_mode_reglement,
  date_lim_reglement, model_pdf, last_main_doc, note_public)
SELECT i, CASE WHEN status = 0 THEN '(PROV' || i || ')' ELSE to_char(day, '"FA"YYMM') || '-' || lpad(i::text, 6, '0') END,
       'BC-' || pg_temp.pick(i, 33, 100000), 1 + pg_temp.pick(i, 34, customers), day + time '09:30', day,
       CASE WHEN status > 0 THEN day END, (status = 2)::int, status, CASE WHEN status = 2 THEN day + 31 END,
       ht, ht * 0.2, ht * 1.2, 2 + pg_temp.pick(i, 35, 3), 4, 1, 1, 2, day + 30, 'sponge',
       CASE WHEN status > 0 THEN to_char(day, '"facture/FA"YYMM') || '-' || lpad(i::text, 6, '0') || '/' ||
            to_char(day, '"FA"YYMM') || '-' || lpad(i::text, 6, '0') || '.pdf' END,
       'Merci de votre confiance. Thank you for your business.'
  FROM scale, (SELECT fk_facture AS i, sum(total_ht) AS ht FROM llx_facturedet GROUP BY 1) AS sums,
       LATERAL (SELECT pg_temp.day(i, invoices) AS day,
                       CASE WHEN i > invoices - 12 THEN 0 WHEN i % 11 = 0 THEN 1 ELSE 2 END AS status) AS s
 ORDER BY i;

INSERT INTO llx_propaldet (fk_propal, fk_product, description, tva_tx, qty, subprice, total_ht, total_tva, total_ttc,
  product_type, rang)
SELECT document, product, label, 20, qty, price, price * qty, price * qty * 0.2, price * qty * 1.2, fk_product_type, rang
  FROM scale, line JOIN llx_product ON llx_product.rowid = product WHERE document <= proposals ORDER BY document, rang;
INSERT INTO llx_propal (rowid, ref, fk_soc, datec, datep, fin_validite, date_valid, fk_user_author, fk_user_valid,
  fk_statut, total_ht, total_tva, total_ttc, model_pdf)
SELECT i, to_char(day, '"PR"YYMM') || '-' || lpad(i::text, 6, '0'), 1 + pg_temp.pick(i, 34, customers), day, day, day + 15,
       day, 2 + pg_temp.pick(i, 35, 2), 2, 1 + pg_temp.pick(i, 36, 4), ht, ht * 0.2, ht * 1.2, 'cyan'
  FROM scale, (SELECT fk_propal AS i, sum(total_ht) AS ht FROM llx_propaldet GROUP BY 1) AS sums,
       LATERAL (SELECT pg_temp.day(i, proposals) AS day) AS s
 ORDER BY i;

INSERT INTO llx_commandedet (fk_commande, fk_product, description, tva_tx, qty, subprice, total_ht, total_tva, total_ttc,
  product_type, rang)
SELECT document, product, label, 20, qty, price, price * qty, price * qty * 0.2, price * qty * 1.2, fk_product_type, rang
  FROM scale, line JOIN llx_product ON llx_product.rowid = product WHERE document <= orders ORDER BY document, rang;
INSERT INTO llx_commande (rowid, ref, fk_soc, date_creation, date_valid, date_commande, fk_user_author, fk_user_valid,
  fk_statut, total_ht, total_tva, total_ttc, facture, date_livraison, model_pdf)
SELECT i, to_char(day, '"CO"YYMM') || '-' || lpad(i::text, 6, '0'), 1 + pg_temp.pick(i, 34, customers), day, day, day,
       2 + pg_temp.pick(i, 35, 2), 2, 1 + pg_temp.pick(i, 37, 3), ht, ht * 0.2, ht * 1.2, 1, day + 10, 'eratosthene'
  FROM scale, (SELECT fk_commande AS i, sum(total_ht) AS ht FROM llx_commandedet GROUP BY 1) AS sums,
       LATERAL (SELECT pg_temp.day(i, orders) AS day) AS s
 ORDER BY i;
INSERT INTO llx_element_element (fk_source, sourcetype, fk_target, targettype)
SELECT i, 'commande', i, 'facture' FROM scale, generate_series(1, orders) AS i;

INSERT INTO llx_facture_fourn_det (fk_facture_fourn, fk_product, description, pu_ht, pu_ttc, qty, tva_tx, total_ht, tva,
  total_ttc, rang)
SELECT document, product, label, cost_price, cost_price * 1.2, qty, 20, cost_price * qty, cost_price * qty * 0.2,
       cost_price * qty * 1.2, rang
  FROM scale, line JOIN llx_product ON llx_product.rowid = product WHERE document <= purchases ORDER BY document, rang;
INSERT INTO llx_facture_fourn (rowid, ref, ref_supplier, fk_soc, datec, datef, libelle, paye, fk_statut, total_ht,
  total_tva, total_ttc, fk_user_author, date_lim_reglement)
SELECT i, to_char(day, '"SI"YYMM') || '-' || lpad(i::text, 6, '0'), 'F' || pg_temp.pick(i, 38, 1000000),
       customers + 1 + pg_temp.pick(i, 39, suppliers), day, day, 'Achat de marchandises', (i % 6 <> 0)::int,
       1 + (i % 6 <> 0)::int, ht, ht * 0.2, ht * 1.2, 4, day + 45
  FROM scale, (SELECT fk_facture_fourn AS i, sum(total_ht) AS ht FROM llx_facture_fourn_det GROUP BY 1) AS sums,
       LATERAL (SELECT pg_temp.day(i, purchases) AS day) AS s
 ORDER BY i;
INSERT INTO llx_commande_fournisseurdet (fk_commande, fk_product, description, tva_tx, qty, subprice, total_ht, total_tva,
  total_ttc, rang)
SELECT fk_facture_fourn, fk_product, description, tva_tx, qty, pu_ht, total_ht, tva, total_ttc, rang
  FROM scale, llx_facture_fourn_det WHERE fk_facture_fourn <= purchases / 2 ORDER BY rowid;
INSERT INTO llx_commande_fournisseur (rowid, ref, ref_supplier, fk_soc, date_creation, date_commande, fk_user_author, source,
  fk_statut, billed, total_ht, total_tva, total_ttc)
SELECT rowid, to_char(datef, '"PO"YYMM') || '-' || lpad(rowid::text, 6, '0'), ref_supplier, fk_soc, datec, datef, 3, 0, 5, 1,
       total_ht, total_tva, total_ttc
  FROM scale, llx_facture_fourn WHERE rowid <= purchases / 2 ORDER BY rowid;

-- each paid invoice has its payment and its line on the bank account
INSERT INTO llx_bank_account (datec, ref, label, bank, number, bic, iban_prefix, fk_pays, proprio, courant,
  account_number, currency_code) VALUES
  ('2019-03-05', 'BNK1', 'Compte courant', 'Banque de l''Exemple', '00012345678', 'EXMPFRPP',
   'FR7600000000000001234567800', 1, 'Arcodange Distribution', 1, '512100', 'EUR'),
  ('2021-05-17', 'BNK2', 'Livret', 'Banque de l''Exemple', '00012345699', 'EXMPFRPP', 'FR7600000000000001234569900', 1,
   'Arcodange Distribution', 0, '512200', 'EUR'),
  ('2019-03-05', 'CASH', 'Caisse', NULL, NULL, NULL, NULL, 1, 'Arcodange Distribution', 2, '530000', 'EUR');
CREATE TEMP TABLE paid AS
SELECT row_number() OVER (ORDER BY rowid) AS n, rowid AS invoice, fk_soc, datef + 31 AS day, total_ttc
  FROM llx_facture WHERE paye = 1;
INSERT INTO llx_paiement (rowid, ref, datec, datep, amount, fk_paiement, num_paiement, fk_bank, fk_user_creat)
SELECT n, to_char(day, '"PAY"YYMM') || '-' || lpad(n::text, 6, '0'), day, day, total_ttc, 2, 'VIR' || n, n, 4 FROM paid;
INSERT INTO llx_paiement_facture (fk_paiement, fk_facture, amount) SELECT n, invoice, total_ttc FROM paid;
INSERT INTO llx_bank (rowid, datec, datev, dateo, amount, label, fk_account, fk_user_author, fk_type, num_releve, rappro)
SELECT n, day, day, day, total_ttc, '(CustomerInvoicePayment)', 1, 4, 'VIR', to_char(day, 'YYYYMM'), (n % 20 <> 0)::int
  FROM paid;
INSERT INTO llx_bank_url (fk_bank, url_id, url, label, type)
SELECT n, n, '/compta/paiement/card.php?id=', '(paiement)', 'payment' FROM paid
UNION ALL
SELECT n, fk_soc, '/comm/card.php?socid=', 'Client ' || fk_soc, 'company' FROM paid;
INSERT INTO llx_category_bankline (lineid, fk_categ) SELECT n, 1 + n % 3 FROM paid WHERE n % 5 = 0;

-- what people and the ERP itself did, and the files that it made
INSERT INTO llx_actioncomm (id, ref, datep, datep2, fk_action, code, datec, fk_user_author, fk_soc, fk_user_action, percent,
  label, note, email_from, email_to, fk_element, elementtype)
SELECT i, i::text, day + time '14:00', CASE WHEN kind < 3 THEN day + time '14:30' END,
       (ARRAY[1,4,5,40])[1 + kind], (ARRAY['AC_TEL','AC_EMAIL','AC_RDV','AC_BILL_VALIDATE'])[1 + kind], day,
       2 + pg_temp.pick(i, 41, 3), 1 + pg_temp.pick(i, 42, customers), 2 + pg_temp.pick(i, 43, 3), CASE WHEN kind = 3 THEN -1
       ELSE 100 END, (ARRAY['Appel de suivi','Envoi de la facture par e-mail','Visite chez le client','Invoice validated'])[1 + kind],
       pg_temp.one(i, 44, '{"Le client confirme la livraison et demande un duplicata de la facture. Rappeler la semaine prochaine.",
         "The customer is happy with the delivery and asks for a quote for twelve more pieces before the end of the quarter.",
         "Relance envoyée, règlement promis sous huitaine par virement. Aucune contestation sur les quantités livrées.",
         "Action made automatically when the invoice was validated by the accounting department."}'),
       CASE WHEN kind = 1 THEN 'erp@arcodange.example' END, CASE WHEN kind = 1 THEN 'contact@client' || i || '.example' END,
       1 + pg_temp.pick(i, 45, invoices), 'invoice'
  FROM scale, generate_series(1, events) AS i,
       LATERAL (SELECT pg_temp.day(i, events) AS day, pg_temp.pick(i, 40, 4) AS kind) AS s;
INSERT INTO llx_ecm_files (rowid, ref, label, filepath, filename, src_object_type, src_object_id, keywords, position,
  gen_or_uploaded, date_c, fk_user_c)
SELECT rowid, md5(ref), md5(ref || 'pdf'), 'facture/' || ref, ref || '.pdf', 'facture', rowid, '', 1, 'generated', datec, 4
  FROM llx_facture WHERE fk_statut > 0 ORDER BY rowid;
INSERT INTO llx_events (type, dateevent, fk_user, description, ip, user_agent, authentication_method)
SELECT 'USER_LOGIN', pg_temp.day(i, invoices / 4) + time '08:05', 2 + pg_temp.pick(i, 46, 3),
       'UserLogged,' || (ARRAY['c.moreau','j.smith','n.benali'])[1 + pg_temp.pick(i, 46, 3)] || ',authmode=dolibarr',
       '192.0.2.' || pg_temp.pick(i, 47, 254), 'Mozilla/5.0', 'dolibarr'
  FROM scale, generate_series(1, invoices / 4) AS i;
