/**
 * The pages that an operation of the log reads for an execution of many events: bounded, whatever
 * the table statistics, and with row security, too. A plan made while the tables were empty is
 * kept, so each session starts with one.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import * as Pages from "./Pages.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** Two events of each task, 20,000 in all, of one execution among a thousand of its tenant. */
const fill = `
insert into crewline_execution (tenant, id, crew_name, last_seq, version, last_at, started_at)
  select 't', 'other-' || n, 'crew', 1, 1, now(), now() from generate_series(1, 1000) n;
insert into crewline_event
  (execution, seq, tenant, type, task_id, run, turn, at, append_first, append_last, append_version, place, nonce, body, payload)
  select x.key, x.last_seq + n, 't', case when n % 2 = 1 then 'TurnCompleted' else 'TaskCompleted' end, 'task-' || (n - 1) / 2, 1, 1,
    now(), x.last_seq + n, x.last_seq + n, 1, 1, 'nonce-' || n, repeat('b', 200), '{"output":"o"}'
  from crewline_execution x, generate_series(1, 20000) n where x.id = 'x';
update crewline_execution set last_seq = last_seq + 20000 where id = 'x';
insert into crewline_execution (tenant, id, crew_name, last_seq, version, last_at, started_at, ended_at)
  values ('t', 'ended', 'crew', 1, 1, now(), now(), now());
insert into crewline_view (execution, place, tenant, format, lengths, content)
  select x.key, places.place, 't', 1, case when places.place >= 0 then array_fill(1000, array[200]) end,
    string_agg(md5(places.place::text || n), '')
  from crewline_execution x, (select -1 union all select 200 * p from generate_series(0, 99) p) places (place), generate_series(1, 6250) n
  where x.id = 'ended' group by x.key, places.place;
insert into crewline_execution (tenant, id, crew_name, last_seq, version, last_at, started_at)
  select 'other ' || n % 50, 'open-' || n, 'crew', 1, 1, now(), now() from generate_series(1, 20000) n;
insert into crewline_ask (execution, id, tenant, state, asked_seq, closed_seq)
  select x.key, 'ask-' || n, 't', case when n % 1000 = 0 then 'open' else 'answered' end, n, case when n % 1000 > 0 then n end
  from crewline_execution x, generate_series(1, 20000) n where x.id = 'x';
insert into crewline_ask (execution, id, tenant, asked_seq)
  select x.key, 'ask', 't', 1 from crewline_execution x where x.id <> 'x';
insert into crewline_event (execution, seq, tenant, type, at, append_first, append_last, append_version, place, body)
  select x.key, 1, 't', 'TaskSuspended', now(), 1, 1, 1, 1, '{}' from crewline_execution x where x.id <> 'x';
insert into crewline_origin (execution, kind, name, tenant, seq)
  select x.key, case when n % 2 = 0 then 'task' else 'signal' end, 'name-' || n, 't', n
  from crewline_execution x, generate_series(1, 20000) n where x.id = 'x';
insert into crewline_outbox (execution, seq, part, tenant, consumer, at, due_at)
  select x.key, n, p, 't', 'c', now(), case when n % 100 > 0 then now() - (n + 60) * interval '1 second' end
  from crewline_execution x, generate_series(1, 10000) n, generate_series(0, 1) p where x.id = 'x';
insert into crewline_outbox (execution, seq, part, tenant, consumer, at, due_at)
  select x.key, 1, 0, x.tenant, 'c', now(), now() + interval '1 hour' from crewline_execution x where x.tenant like 'other%';
insert into crewline_origin (execution, kind, name, tenant, seq)
  select x.key, 'signal', 'name-5001', x.tenant, 1 from crewline_execution x where x.tenant like 'other%';
insert into crewline_view (execution, place, tenant, format, content)
  select x.key, -1, x.tenant, 1, '{}' from crewline_execution x where x.tenant like 'other%';
insert into crewline_blob (execution, seq, tenant, content)
  select x.key, 1, x.tenant, '{}' from crewline_execution x where x.tenant like 'other%';
insert into crewline_gone (tenant, id, key, ended_at, gone_at)
  select case when n % 2 = 0 then 't' else 'other 1' end, 'gone-' || n, -n, now(), now() from generate_series(1, 20000) n;
insert into crewline_execution (tenant, id, crew_name, last_seq, version, last_at, started_at, ended_at, idempotency_key)
  select 't', 'done-' || n, 'crew', 1, 1, now(), now(), now(), 'key-' || n from generate_series(1, 2000) n;`

const claim = (task: string) =>
  `{"tenant":"t","execution":"x","structural":1,"nonce":"claim ${task}","events":[{"type":"TaskStarted","task_id":"${task}","run":1,"body":"{}"}]}`
const outcome = (task: string) =>
  `{"tenant":"t","execution":"x","structural":1,"nonce":"outcome ${task}","settles":["${task}"],` +
  `"events":[{"type":"TaskCompleted","task_id":"${task}","run":1,"body":"{}","payload":"{}"}]}`
const turn =
  '{"tenant":"t","execution":"x","structural":0,"turns":[{"task_id":"task-7","run":1,"turn":1}],' +
  '"events":[{"type":"TurnCompleted","task_id":"task-7","run":1,"turn":1,"body":"{}"}]}'

const asking =
  '{"tenant":"t","execution":"x","structural":1,"notes":true,' +
  '"events":[{"type":"TaskSuspended","task_id":"new","run":1,"body":"{}","asks":["new/1"],"brings":["new/2"]}]}'
const answer =
  '{"tenant":"t","execution":"x","structural":1,"notes":true,' +
  '"events":[{"type":"AskAnswered","task_id":"new","body":"{}","ends":["ask-7000"]}]}'
const asks = (...options: ReadonlyArray<string>) =>
  `select * from crewline_asked('t', crewline_find_asks('t', ${options.join(", ")}))`

const settled = '"settled":[[5000,0],[5000,1]],'
const outbox = (state: string, ...after: ReadonlyArray<string>) =>
  `select * from crewline_list_outbox('t', '["${state}"]', ${after.join(", ")}, 10)`
const ofTask = (seq: number) => `{"tenant":"t","executionId":"x","seq":${seq},"part":0}`
const claimRows = `select * from crewline_claim_outbox('["c"]', 10, 1000, '[${ofTask(5002)}, ${ofTask(5003)}]')`

const append = (json: string) => `select * from crewline_append('[${json}]', false)`
const start = (id: string) =>
  `select * from crewline_start('[{"tenant":"t","execution":"${id}","crewName":"crew","key":"key of ${id}","hash":"h","body":"{}"}]')`

const operations: ReadonlyArray<Pages.Operation> = [
  ["start", start("new"), 40],
  ["start again", start("new"), 20],
  [
    "start of a tenant that is limited",
    start("limited").replace('"crewName"', '"maxUnfinished":10000,"crewName"'),
    900
  ],
  [
    "start of one that does little",
    start("little").replaceAll('"t"', '"u"').replace('"crewName"', '"maxUnfinished":10,"crewName"'),
    60
  ],
  ["claim", append(claim("new")), 40],
  ["outcome", append(outcome("new")), 40],
  ["turn that settles what is done", append(turn.replace('"structural"', `${settled}"structural"`)), 90],
  ["outbox", outbox("pending", "null", "null", "null", "null"), 80],
  [
    "next page of dead letters",
    outbox("dead", "(select max(at) from crewline_outbox where seq = 1 and execution = 1)", "'x'", "5000", "0"),
    110
  ],
  [
    "dead letter again",
    "select * from crewline_retry_outbox('t', (select at from crewline_outbox where seq = 200 and execution = 1 and part = 0), 'x', 200, 0)",
    60
  ],
  ["claim of rows", claimRows, 250],
  ["outcome again", append(outcome("new")), 60],
  ["second outcome", append(outcome("new").replace("outcome new", "other nonce")), 60],
  ["turn again", append(turn), 60],
  ["start with a key that is known", start("new").replace("key of new", "key-1000"), 20],
  ["page in the middle", "select * from crewline_read('t', 'x', 10000, 128, null, true)", 40],
  ["what is new", "select * from crewline_read('t', 'x', 20000, null, null, false)", 20],
  ["events of a task", "select * from crewline_read('t', 'x', 0, null, 'task-5000', true)", 20],
  ["page of the events of a task", "select * from crewline_read('t', 'x', 10, 128, 'task-5000', true)", 20],
  ["head of a view", "select * from crewline_read_view('t', 'ended', 1, 0, 0)", 150],
  ["page of a view", "select * from crewline_read_view('t', 'ended', 1, 10000, 10100)", 250],
  ["view of what runs", "select * from crewline_read_view('t', 'x', 1, 0, 1000000)", 20],
  ["view kept again", `select crewline_keep_view('t', 'ended', 1, '[[10000, [1], "t"]]')`, 130],
  ["output", `select * from crewline_outputs('t', 'x', '["task-5000"]')`, 20],
  ["summary", "select * from crewline_summary('t', 'x')", 12],
  ["newest page of a list", "select * from crewline_list('t', null, null, null, null, 50)", 70],
  ["next page of a list", "select * from crewline_list('t', null, null, null, 'other-500', 50)", 70],
  ["page of a list after what is gone", "select * from crewline_list('t', null, null, null, 'gone-500', 50)", 20],
  ["whether one is gone", "select crewline_is_gone('t', 'gone-500')", 12],
  ["suspension that asks", append(asking), 60],
  ["answer", append(answer), 60],
  ["open asks of the tenant", asks("null", `'["open"]'`, "null", "null", "10"), 110],
  ["next page of them", asks("null", `'["open"]'`, "'x'", "'ask-5000'", "10"), 120],
  ["open asks of an execution", asks("'x'", `'["open"]'`, "null", "null", "10"), 110],
  ["all asks of an execution", asks("'x'", `'["open", "answered", "closed"]'`, "'x'", "'ask-5000'", "10"), 130],
  ["ask", "select * from crewline_asked('t', crewline_find_ask('t', 'x', 'ask-5000'))", 40],
  ["signal", `select * from crewline_named('t', 'x', 'signal', '["name-5001"]')`, 20],
  ["spawned task", `select * from crewline_named('t', 'x', 'task', '["name-5000"]')`, 20],
  ["beginning of the feed", "select * from crewline_feed('t', 0, 0, 0, 128)", 900],
  [
    "page in the middle of the feed",
    "select * from crewline_feed('t', 1, (select key from crewline_execution where id = 'x'), 10000, 128)",
    900
  ],
  ["end of the feed", "select * from crewline_feed('t', 1, 9223372036854775807, 0, 128)", 15],
  ["positions", `select * from crewline_positions('[["t", "x"]]')`, 12],
  ["adoption by its id", `select * from crewline_adopt('w', 1000, 1, '["x"]')`, 30],
  ["deletion", "select crewline_remove('t', 'done-1000')", 60],
  ["search for what is old", "select * from crewline_prune(86400000, 100, null, 86400000)", 30]
]

describe.skipIf(missing !== undefined)(missing ?? "Pages", () => {
  it.live("are found without compiling plans, which takes longer than reading many pages", () =>
    Effect.gen(function* () {
      const url = yield* PostgresServer.emptyDatabase
      const compiled = yield* Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`
          select proname from pg_proc
          where array_to_string(proconfig, ' ') like '%enable_%' and not 'jit=off' = any (proconfig)`
      ).pipe(Effect.provide(Database.layer(PostgresServer.optionsOf(url))))
      assert.deepStrictEqual(compiled, [])
    }).pipe(Effect.scoped)
  )

  for (const statistics of Pages.statistics) {
    for (const confined of [false, true]) {
      it.live(`are few with ${statistics} statistics${confined ? " and row security" : ""}`, () =>
        Effect.gen(function* () {
          const found = yield* Pages.measure({ statistics, confined, first: [start("x")], fill, operations })
          const tooMany = operations.filter(([name, , most]) => found[name]! > most).map(([name]) => name)
          assert.deepStrictEqual(tooMany, [], JSON.stringify(found))
        }).pipe(Effect.scoped)
      )
    }
  }
})
