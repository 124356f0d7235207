<?php
/**
 * Runs one step of Dolibarr's own installer in LAB_HTDOCS with the words of LAB_STEP, a JSON list.
 * The installer takes the administrator's password from argv, where everybody on the machine sees it: so
 * the words come by environment, and become $argv only in here.
 */
$argv = json_decode((string) getenv('LAB_STEP'), true);
$argc = count($argv);
$_SERVER['argv'] = $argv;
$_SERVER['argc'] = $argc;
putenv('LAB_STEP');
chdir(getenv('LAB_HTDOCS').'/install');
require getenv('LAB_HTDOCS').'/install/'.$argv[0];
