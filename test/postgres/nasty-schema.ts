/** A schema that has what real ones have; for the owner role `app` of a database with citext, hstore and pg_trgm. */
export const nastySchema = `
  create schema "Sales Dept"; create schema audit;
  create type mood as enum ('sad', 'ok', 'happy');
  create type pair as (a int, b text);
  create domain positive as int check (value > 0);
  create function twice(n int) returns int language sql immutable as 'select n * 2';
  create sequence free_seq increment 7 start 100;
  create sequence down_seq increment -1 cycle minvalue -5 maxvalue -1;
  create table orders (
    id bigint generated always as identity primary key, amount numeric(12,2) not null, qty positive,
    total numeric generated always as (amount * 2) stored, m mood default 'ok', at timestamptz default now());
  create table kinds (
    id serial primary key, j json, jb jsonb, arr int[], texts text[], num numeric, f4 real, f8 double precision,
    ts timestamptz, d date, iv interval, b bytea, m mood, ci citext, h hstore, r int4range, mr nummultirange, u uuid, p point,
    x xml, tsv tsvector, bits bit varying, i inet, mon money, pr pair, o oid);
  create table no_key (n int, t text);
  create table no_key_json (n int, j json);
  create table by_unique (n int not null, t text); create unique index by_unique_n on by_unique (n);
  create table "Sales Dept"."Weird ""Name" ("Id" int primary key, "select" text, the_row text);
  create table parts (id int, at date not null, primary key (id, at)) partition by range (at);
  create table parts_2025 partition of parts for values from ('2025-01-01') to ('2026-01-01');
  create table parts_2026 partition of parts for values from ('2026-01-01') to ('2027-01-01');
  create table child (order_id bigint references orders on delete cascade, note text, primary key (order_id));
  create unlogged table scratch (n int);
  create view order_totals as select id, total from orders;
  create materialized view mood_counts as select m, count(*) from orders group by m;
  create table audit.log (id bigserial primary key, what text);
  create function audit.note() returns trigger language plpgsql as $$ begin insert into audit.log (what) values (tg_op); return null; end $$;
  create trigger noted after insert or update or delete on orders for each statement execute function audit.note();
  create index kinds_trgm on kinds using gin ((ci::text) gin_trgm_ops);
  grant select on orders to reader; alter default privileges in schema audit grant select on tables to reader;`;

/** Rows of every kind for {@link nastySchema}. */
export const nastyRows = `
  insert into orders (amount, qty, m) select n * 1.10, n, 'happy' from generate_series(1, 50) n;
  insert into kinds (j, jb, arr, texts, num, f4, f8, ts, d, iv, b, m, ci, h, r, mr, u, p, x, tsv, bits, i, mon, pr, o) values
    ('{"b": 1, "a":  [1,2]}', '{"b": 1, "a": [1,2]}', '{1,null,3}', '{"a b",NULL,"q\\"uote"}', 1.10, 0.1, 1e-300,
     '2026-01-02 03:04:05.678901+05', '2026-01-02', '1 year 2 mons 3 days 04:05:06.789', '\\x00ff', 'sad', 'MixedCase', 'a=>1, b=>NULL',
     '[1,10)', '{[1.5,2.5],(3,)}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '(1.5,-2)', '<a>b</a>', 'fat & cat', '10101', '::1/64', 12.34, '(1,"x y")', 26),
    (null, null, '{}', '{}', 'NaN', '-Infinity', 'NaN', 'infinity', '-infinity', '-1 days', '', 'ok', '', '', 'empty', '{}',
     null, null, null, null, '', null, -0.01, '(,)', 0),
    (null, null, null, null, 1.0, '-0', 0.1::float8 + 0.2, '1900-01-01', '0044-03-15 BC', null, null, null, null, null, null, null,
     null, null, null, null, null, null, null, null, null);
  insert into no_key values (1, 'x'), (1, 'x'), (null, null);
  insert into no_key_json values (1, '{}');
  insert into by_unique values (1, 'one'), (2, 'two');
  insert into "Sales Dept"."Weird ""Name" values (1, 's', 'r');
  insert into parts select n, '2025-12-20'::date + n from generate_series(1, 30) n;
  insert into child values (1, 'c');
  insert into scratch values (1);
  select nextval('free_seq'), nextval('free_seq'), nextval('down_seq');`;
