-- Copies the stand-in's business, made in the schema `standin`, into Dolibarr's own tables beside it: the columns
-- that both have. Dolibarr's own rows win; where it forbids NULL and has a default, the default stands in for NULL.

CREATE FUNCTION pg_temp.pour(wanted text, numbered boolean, condition text) RETURNS void LANGUAGE plpgsql AS $pour$
DECLARE
  names text; given text;
BEGIN
  IF to_regclass('public.' || wanted) IS NULL THEN RETURN; END IF;
  SELECT string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum),
         string_agg(CASE WHEN a.attnotnull AND d.adbin IS NOT NULL
                         THEN format('coalesce(s.%I, %s)', a.attname, pg_get_expr(d.adbin, d.adrelid))
                         ELSE format('s.%I', a.attname) END, ', ' ORDER BY a.attnum)
    INTO names, given
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = to_regclass('public.' || wanted) AND a.attnum > 0 AND NOT a.attisdropped
     AND (numbered OR a.attname NOT IN ('rowid', 'id'))
     AND EXISTS (SELECT FROM pg_attribute b WHERE b.attrelid = to_regclass('standin.' || wanted)
                    AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped);
  EXECUTE format('INSERT INTO public.%I (%s) SELECT %s FROM standin.%I s WHERE %s ON CONFLICT DO NOTHING',
                 wanted, names, given, wanted, condition);
END $pour$;

-- what others refer to comes first, with its number
SELECT pg_temp.pour(name, true, condition) FROM (VALUES
  (1, 'llx_user', 'rowid > 1'), (2, 'llx_usergroup', 'true'), (3, 'llx_societe', 'true'), (4, 'llx_socpeople', 'true'),
  (5, 'llx_categorie', 'true'), (6, 'llx_product', 'true'), (7, 'llx_entrepot', 'true'), (8, 'llx_bank_account', 'true'),
  (9, 'llx_propal', 'true'), (10, 'llx_propaldet', 'true'), (11, 'llx_commande', 'true'), (12, 'llx_commandedet', 'true'),
  (13, 'llx_facture', 'true'), (14, 'llx_facturedet', 'true'), (15, 'llx_facture_fourn', 'true'),
  (16, 'llx_facture_fourn_det', 'true'), (17, 'llx_commande_fournisseur', 'true'),
  (18, 'llx_commande_fournisseurdet', 'true'), (19, 'llx_bank', 'true'), (20, 'llx_paiement', 'true'),
  (21, 'llx_actioncomm', 'true')) AS given (place, name, condition) ORDER BY place;

-- the rest is numbered by Dolibarr; its modules, versions and telemetry are its own, not the stand-in's
SELECT pg_temp.pour(name, false, condition) FROM (VALUES
  (1, 'llx_usergroup_user', 'true'), (2, 'llx_usergroup_rights', 'fk_id IN (SELECT id FROM public.llx_rights_def)'),
  (3, 'llx_user_rights', 'fk_user > 1 AND fk_id IN (SELECT id FROM public.llx_rights_def)'), (4, 'llx_user_param', 'true'),
  (5, 'llx_societe_commerciaux', 'true'), (6, 'llx_categorie_societe', 'true'), (7, 'llx_product_stock', 'true'),
  (8, 'llx_element_element', 'true'), (9, 'llx_paiement_facture', 'true'), (10, 'llx_bank_url', 'true'),
  (11, 'llx_ecm_files', 'true'), (12, 'llx_events', 'true'), (13, 'llx_cronjob', 'true'),
  (14, 'llx_webhook_target', 'true'), (15, 'llx_emailcollector_emailcollector', 'true'), (16, 'llx_oauth_token', 'true'),
  (17, 'llx_oauth_state', 'true'), (18, 'llx_notify_def', 'true'), (19, 'llx_mailing', 'true'),
  (20, 'llx_zapier_hook', 'true'),
  (21, 'llx_const', $$name !~ '^MAIN_(MODULE|VERSION|FIRST_PING|SECURITY)_'$$)) AS given (place, name, condition)
  ORDER BY place;

-- Dolibarr's installer sets some of these itself
UPDATE public.llx_const c SET value = s.value FROM standin.llx_const s
 WHERE s.name = c.name AND s.entity = c.entity AND c.name ~ '^(MAIN_INFO_SOCIETE|MAIN_MONNAIE|MAIN_LANG_DEFAULT|CRON_KEY)';

-- rows came with their numbers: let each sequence go on from there
DO $$
DECLARE counted record; highest bigint;
BEGIN
  FOR counted IN
    SELECT attrelid::regclass AS owner, attname AS name,
           pg_get_serial_sequence(attrelid::regclass::text, attname) AS counter
      FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attname IN ('rowid', 'id') AND attnum > 0
       AND to_regclass('standin.' || relname) IS NOT NULL
       AND pg_get_serial_sequence(attrelid::regclass::text, attname) IS NOT NULL
  LOOP
    EXECUTE format('SELECT max(%I) FROM %s', counted.name, counted.owner) INTO highest;
    IF highest IS NOT NULL THEN PERFORM setval(counted.counter, highest); END IF;
  END LOOP;
END $$;
DROP SCHEMA standin CASCADE;
