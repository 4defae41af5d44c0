/**
 * The pages that each statement of memory reads among many memories, of the same tenant and of
 * others: bounded, whatever the table statistics, and with row security.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Pages from "../Pages.ts"
import * as PostgresServer from "../PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const day = 86_400_000
const now = 1_000 * day

/**
 * 6,000 memories of `t`, of which 3,000 are in one scope and 1,000 in one conversation, and 3,000
 * of other tenants. Each has a unique term, one of a hundred terms, and one that all have.
 */
const fill = `
insert into crewline_memory_scope (tenant, path, crew, talks)
  select 't', 'path-' || n, 'crew ' || n, n = 1 from generate_series(1, 600) n;
insert into crewline_memory_scope (tenant, path) select 'other ' || n % 20, 'path-1' from generate_series(1, 20) n;
insert into crewline_memory_conversation (tenant, path, next)
  select 't', 'talk-' || n, 10000 from generate_series(1, 500) n;
insert into crewline_memory (
  tenant, id, scope, kind, origin, trust, subject, identity, holds_for, conversation, place, length, stored_at, said_at, importance,
  corroborations, pinned, quarantined, source, given_key, relates, terms, mentions, body
) select
  s.tenant, 'mem-' || lpad(n::text, 6, '0'), s.key, 1, 1, 1, 'subject-' || n, 'identity-' || n, 'holds-' || n,
  case when m.is_own and n <= 1000 then (select c.key from crewline_memory_conversation c where c.path = 'talk-1') end,
  case when m.is_own and n <= 1000 then n end, 10, ${now} - 1000 + n, ${now}, .5, 0, false, false, 'execution-' || n % 1000, 'key-' || n,
  n % 100 = 0, array['own-' || n, 'common-' || n % 30, 'all'], '[{"name":"Ada","type":"person"}]', '{"text":"' || repeat('b', 200) || '"}'
from generate_series(1, 9000) n cross join lateral (select n <= 6000 as is_own) m
  join crewline_memory_scope s on case when m.is_own
    then s.tenant = 't' and s.path = 'path-' || case when n <= 3000 then 1 else n % 599 + 2 end
    else s.tenant = 'other ' || n % 20 end;
insert into crewline_memory_term (scope, term, memory, tenant, weight)
  select m.scope, t.term, m.key, m.tenant, 1 from crewline_memory m, unnest(m.terms) t (term);
insert into crewline_memory_class (scope, class, tenant, documents, length)
  select m.scope, 6, m.tenant, count(*), 10 * count(*) from crewline_memory m group by m.scope, m.tenant;
insert into crewline_memory_key (path, tenant, memory) select 'key path-' || m.given_key, m.tenant, m.id from crewline_memory m;
insert into crewline_memory_quote (memory, execution, tenant) select m.key, m.source, m.tenant from crewline_memory m;
insert into crewline_memory_count (reason, tenant, number) select r.reason, 'other ' || n, n from generate_series(1, 2000) n, (values (''), ('status')) r (reason);
insert into crewline_memory_retention (tenant, rules)
  select 'other ' || n, '[]' from generate_series(1, 2000) n;
insert into crewline_memory_retention (tenant, rules)
  values ('t', '[{"kind":0,"maxAgeDays":30},{"kind":1,"maxAgeDays":900},{"kind":2,"maxCount":0}]')`

interface Item {
  readonly n: number | string
  readonly path?: string
  readonly more?: object
}

const entryOf = ({ more, n, path = "path-1" }: Item) => ({
  id: `mem-${n}`,
  path,
  kind: 1,
  origin: 1,
  trust: 1,
  length: 3,
  storedAt: now,
  saidAt: now,
  importance: 0.5,
  corroborations: 0,
  pinned: false,
  quarantined: false,
  terms: { [`own-${n}`]: 1, "common-7": 1, all: 1 },
  body: "{}",
  identity: `identity-${n}`,
  ...more
})

const quoted = (value: object) => `'${JSON.stringify(value)}'`
const remember = (items: ReadonlyArray<Item>, more: object = {}) => {
  const entries = items.map(entryOf)
  const keys = entries.flatMap((entry) => ("keyPath" in entry ? [entry.keyPath] : []))
  const request = { tenant: "t", scopes: [{ path: "path-1" }], keys, entries, ...more }
  return `select * from crewline_memory_remember(${quoted([request])}, false)`
}

const shared = { view: { paths: ["path-1", "path-2", "path-none"] }, kinds: [0, 1, 2], trust: 4, now, limit: 200 }
const find = (terms: ReadonlyArray<string>, more: object = {}) =>
  `select * from crewline_memory_find('t', ${quoted({
    ...shared,
    terms,
    dated: terms.map(() => false),
    by: [0, -1, 1],
    shares: [1, 0.5, 0.5],
    wide: 2,
    postings: 300,
    keys: [],
    ...more
  })})`
const list = (filter: object, limit = 20) => `select * from crewline_memory_list('t', ${quoted(filter)}, ${limit})`
const erase = (filter: object) =>
  `select * from crewline_memory_erase('t', array(select key from crewline_memory_list('t', ${quoted(filter)}, 20)))`
const seen = (more: object) => `select * from crewline_memory_seen('t', ${quoted({ ...shared, ...more })}, 0, 20)`

const key = { key: "key-5", keyPath: "key path-key-5" }

const operations: ReadonlyArray<Pages.Operation> = [
  ["remember", remember([{ n: "new" }, { n: "newer" }]), 250],
  ["remember in a conversation", remember([{ n: "said", more: { conversation: "talk-1" } }]), 150],
  ["remember a new value of a subject", remember([{ n: "v", more: { subject: "s", holdsFor: "holds-7" } }]), 200],
  ["remember what is known", remember([{ n: 9 }]), 80],
  ["remember with a key that is known", remember([{ n: "k", more: key }]), 80],
  ["remember in a new scope", remember([{ n: "p", path: "new" }], { scopes: [{ path: "new", crew: "c" }] }), 150],
  ["import", remember([{ n: "imported" }], { import: true }), 150],
  ["import of what is there", remember([{ n: "000010" }], { import: true }), 60],
  ["recall by a rare term", find(["own-5000", "own-70"]), 3_000],
  ["recall by terms that many have", find(["common-7", "all", "own-71"]), 4_000],
  ["recall by none of its terms", find(["nothing"]), 2_500],
  ["recall where nothing is said", find(["own-4000"], { view: { paths: ["path-404"] } }), 150],
  ["recall of a user, of whatever crew", find(["own-70"], { view: { scope: { user: "u" }, any: ["crew"] } }), 12_000],
  ["explain", find(["own-70"], { keys: ["70"] }), 3_000],
  ["get", list({ ids: ["mem-003000"] }, 1), 20],
  ["newest page of a list", list({ newest: true, now }), 120],
  ["next page of a list", list({ newest: true, now, after: "mem-003000" }), 120],
  ["page of a list after what is gone", list({ newest: true, now, after: "mem-003000x" }), 3_500],
  ["memories of a subject", list({ subject: "subject-3000", newest: true, now }), 40],
  ["page of a view", list({ view: shared.view, newest: true, now }), 100],
  ["page of a crew", list({ within: { crew: "crew 7" }, newest: true, now }), 120],
  ["page of an export", list({ within: {}, afterKey: "3000" }), 3_000],
  ["entities", seen({}), 60],
  ["relations", seen({ relations: true }), 2_500],
  ["pin", "select * from crewline_memory_change('t', 'mem-003000', true, null)", 60],
  ["quarantine", "select * from crewline_memory_change('t', 'mem-003001', null, true)", 60],
  [
    "note what was shown",
    `select crewline_memory_note_quotes('t', 'execution-new', '["mem-000001", "mem-000002"]')`,
    60
  ],
  ["what was shown", `select * from crewline_memory_shown('t', '["execution-7"]')`, 60],
  ["what retention keeps", `select * from crewline_memory_kept('t', ${now})`, 60],
  ["retention", "select crewline_memory_retention_of('t')", 6],
  ["other retention", "select crewline_memory_retain('t', '[]')", 20],
  ["statistics of a tenant with few memories", "select * from crewline_memory_statistics('nobody')", 20],
  ["forget", erase({ ids: ["mem-002000"] }), 300],
  ["forget a subject", erase({ subject: "subject-2001" }), 300],
  ["search for what is past retention", erase({ now, expired: true }), 60],
  ["tenants", "select * from crewline_memory_tenants('', 100)", 300]
]

describe.skipIf(missing !== undefined)(missing ?? "Pages of memories", () => {
  for (const statistics of Pages.statistics)
    it.live(`are few with ${statistics} statistics and row security`, () =>
      Effect.gen(function* () {
        const found = yield* Pages.measure({ statistics, confined: true, fill, operations })
        const tooMany = operations.filter(([name, , most]) => found[name]! > most).map(([name]) => name)
        assert.deepStrictEqual(tooMany, [], JSON.stringify(found))
      }).pipe(Effect.scoped)
    )
})
