/** An extension that the target can install. */
export interface TargetExtension {
  /** The version it would get; `undefined` where only the list below is known. */
  readonly version: string | undefined;
}

// "Extension versions for Amazon RDS for PostgreSQL", tables of 14 to 17, without modules that are no extensions
// (auto_explain, wal2json). Used while there is no target that could be asked.
const names = `
  address_standardizer address_standardizer_data_us amcheck autoinc aws_commons aws_lambda aws_s3 bloom bool_plperl
  btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance flow_control fuzzystrmatch hll hstore
  hstore_plperl hypopg insert_username intagg intarray ip4r isn jsonb_plperl lo log_fdw ltree moddatetime mysql_fdw
  oracle_fdw orafce pageinspect pg_bigm pg_buffercache pg_cron pg_freespacemap pg_hint_plan pg_partman pg_prewarm
  pg_proctab pg_repack pg_similarity pg_stat_statements pg_tle pg_transport pg_trgm pg_visibility pg_walinspect pgactive
  pgaudit pgcrypto pglogical pgrouting pgrowlocks pgstattuple pgtap plperl plpgsql plprofiler pltcl plv8 postgis
  postgis_raster postgis_tiger_geocoder postgis_topology postgres_fdw prefix rdkit rds_tools refint seg sslinfo
  tablefunc tcn tds_fdw test_parser tsm_system_rows tsm_system_time unaccent uuid-ossp vector xml2`;

/** What RDS for PostgreSQL documents as supported. */
export const rdsExtensions: ReadonlyMap<string, TargetExtension> = new Map(
  names
    .trim()
    .split(/\s+/)
    .map((name) => [name, { version: undefined }]),
);
