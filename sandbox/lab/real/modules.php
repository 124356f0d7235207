<?php
/**
 * Switches the modules of LAB_MODULES (words) on in LAB_HTDOCS, through Dolibarr's own code.
 * Prints a line for each that Dolibarr refused; a module that this version lacks is left out.
 */
define('NOSESSION', 1);
define('EVEN_IF_ONLY_LOGIN_ALLOWED', 1);
chdir(getenv('LAB_HTDOCS'));
require getenv('LAB_HTDOCS').'/master.inc.php';
require_once DOL_DOCUMENT_ROOT.'/core/lib/admin.lib.php';
$user->fetch('', 'admin');
method_exists($user, 'loadRights') ? $user->loadRights() : $user->getrights();
// modules name their tables and numbering after the country
dolibarr_set_const($db, 'MAIN_INFO_SOCIETE_COUNTRY', '1:FR:France', 'chaine', 0, '', 1);
$conf->setValues($db);
$mysoc->setMysoc($conf);
foreach (explode(' ', (string) getenv('LAB_MODULES')) as $module) {
	if (!file_exists(DOL_DOCUMENT_ROOT.'/core/modules/'.$module.'.class.php')) {
		continue;
	}
	$done = activateModule($module);
	$conf->setValues($db);
	if (!empty($done['errors'])) {
		print $module.': '.json_encode($done['errors'])."\n";
	}
}
