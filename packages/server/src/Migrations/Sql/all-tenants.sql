-- Operations across tenants, in addition to those of the event log: a credential determines its
-- tenant, provider keys and secrets of all tenants are encrypted again after a change of the master
-- key, and the audit log is written in batches of several tenants. These functions belong to the
-- owner of the tables, to whom policies do not apply.

-- Keys with these prefixes, in their current state.
create function crewline_standing_keys(in_prefixes text) returns table (
  id text, tenant text, name text, role text, scopes text, prefix text, hash text, is_revoked boolean, left_millis double precision
)
language sql stable security definer set search_path from current as $$
  select k.id, k.tenant, k.name, k.role, k.scopes, k.prefix, k.hash, k.revoked_at is not null,
    (extract(epoch from k.expires_at - now()) * 1000)::double precision
  from crewline_key k where k.prefix = any (string_to_array(in_prefixes, ','))
$$;

-- Records that keys with these prefixes were used, at most once a minute.
create function crewline_note_keys(in_prefixes text) returns void
language sql security definer set search_path from current as $$
  update crewline_key k set used_at = now()
  where k.prefix = any (string_to_array(in_prefixes, ',')) and (k.used_at is null or k.used_at < now() - interval '1 minute')
$$;

-- Whether a key has ever been created.
create function crewline_has_keys() returns boolean
language sql stable security definer set search_path from current as $$
  select exists (select from crewline_key)
$$;

-- Deletes a ticket and returns its principal and whether it is still valid.
create function crewline_take_ticket(in_hash text) returns table (principal text, is_good boolean)
language sql security definer set search_path from current as $$
  delete from crewline_ticket t where t.hash = in_hash returning t.principal, t.expires_at > now()
$$;

-- Providers whose keys are encrypted under a different master key.
create function crewline_sealed_providers(in_master text) returns table (
  tenant text, id text, name text, body text, ciphertext text, master text
)
language sql stable security definer set search_path from current as $$
  select p.tenant, p.id, p.name, p.body, p.api_key, p.api_key_master
  from crewline_llm_provider p where p.api_key_master is not null and p.api_key_master <> in_master
$$;

-- Secrets of all tenants that are encrypted under a different master key.
create function crewline_sealed_secrets(in_master text)
returns table (tenant text, id text, name text, body text, ciphertext text, master text)
language sql stable security definer set search_path from current as $$
  select s.tenant, s.id, s.name, s.body, s.sealed, s.sealed_master from crewline_secret s where s.sealed_master <> in_master
$$;

-- Adds entries of any tenants, given as JSON; "waited" is the age of an entry in milliseconds.
-- Entries that already exist are skipped, so a batch may be sent again.
create function crewline_write_audit(entries text) returns void
language sql security definer set search_path from current as $$
  insert into crewline_audit
    (tenant, id, at, operation, resource, actor, role, credential, key_id, on_behalf_of, address, status, code, details, times)
  select
    tenant, id, now() - waited * interval '1 millisecond', operation, resource, actor, role, credential, "keyId", "onBehalfOf", address,
    status, code, details, times
  from jsonb_to_recordset(entries::jsonb) as entry (
    tenant text, id text, waited float8, operation text, resource text, actor text, role text, credential text, "keyId" text,
    "onBehalfOf" text, address text, status int, code text, details text, times int
  )
  on conflict do nothing
$$;

-- Deletes at most at_most entries of any tenants that are older than the given seconds; returns the
-- number deleted.
create function crewline_prune_audit(seconds float8, at_most int) returns int
language sql security definer set search_path from current set crewline.prunes_audit = 'on' as $$
  with old as (
    select tenant, id from crewline_audit where at < now() - seconds * interval '1 second' limit at_most for update skip locked
  ), gone as (
    delete from crewline_audit entry using old where entry.tenant = old.tenant and entry.id = old.id returning 1
  )
  select count(*)::int from gone
$$;

-- Only these two functions write.
grant select on crewline_audit to crewline_app;
