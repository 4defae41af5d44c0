/**
 * The scripts, whole. Keys come in one order: `ready`, `ring`, `meta`, `leases`, `leased`, `permits`, `timers`, `timeouts`, `paused`,
 * `held`, `known`, `workers`, `infos`, `outbox`, then what is said beside each script. Arguments begin with a time in milliseconds (empty: the
 * server's own) and the settings: the client, how long its leases and its replies last in milliseconds, something where bells are wanted,
 * and the limits of lanes.
 */
import { withCommons } from "./Commons.ts"
import * as Lua from "./Lua.ts"
import { operations, usual } from "./Operations.ts"
import { growing, passing, settling } from "./Transitions.ts"

export interface Script {
  readonly name: string
  /** Lua that makes `run`, a function of keys and arguments. */
  readonly source: string
  /** As a function it only reads, or also writes when Redis has no memory left: what is under way comes to its end. */
  readonly flags: ReadonlyArray<"no-writes" | "allow-oom">
}

const scriptOf = (
  name: string,
  main: string,
  {
    flags = ["allow-oom"],
    functions = []
  }: Partial<Pick<Script, "flags">> & { readonly functions?: ReadonlyArray<string> } = {}
): Script => ({ name, source: withCommons(main, functions), flags })

const stepOf = (name: string, parts: ReadonlyArray<string>): Script =>
  scriptOf(
    name,
    `local REPLY = keys[15]
local request = args[3]
local last = call('GET', REPLY)
if last then
  local at = find(last, SEP, 1, true)
  if sub(last, 1, at - 1) == request then return sub(last, at + 1) end -- guard(false): once-per-request
end
promote()
local results = {}
for i, operation in ipairs(cjson.decode(args[4])) do
  results[i] = operations[operation[1]](unpack(operation, 2)) or 0
end
finish()
local due = meta().due
local reply = cjson.encode({ results = results, next = due < NEVER and math.max(due - now, 0) or -1 })
call('SET', REPLY, request .. SEP .. reply, 'PX', REPLY_MILLIS)
return reply`,
    { functions: [passing, settling, "local operations = {}", ...parts] }
  )

/**
 * Several operations at once, after what is due. Keys: the client's last reply, then the executions' hashes. The reply is kept for a
 * client that has not received it: the same request again is answered by it, and done once.
 */
export const step: Script = stepOf("step", [growing, operations])

/** The same for tasks that are settled and taken, and nothing else: with less in it, it begins sooner. */
export const turn: Script = stepOf("turn", [usual])

export const stage: Script = { name: "stage", source: Lua.stage, flags: [] }

/**
 * Takes an execution in, unless it is known. Keys: where its hash was staged, then the hash itself. The fields may also come with the
 * call, when they are few.
 */
export const submit = scriptOf(
  "submit",
  `local STAGE, HASH = keys[15], keys[16]
local facts = cjson.decode(args[3])
if call('EXISTS', HASH) == 1 then -- guard(false): activated-only-if-absent
  call('UNLINK', STAGE)
  return 0
end
if facts.staged > 0 then
  -- Parts that nobody activated in time have gone away, maybe only the first of them.
  if call('HLEN', STAGE) ~= facts.staged then -- guard(false): never-a-half
    call('UNLINK', STAGE)
    return -1
  end
  call('RENAME', STAGE, HASH)
  call('PERSIST', HASH) -- guard: activated-stays
end
if #facts.fields > 0 then put('HSET', HASH, facts.fields) end
call('ZADD', KNOWN, 0, facts.id .. SEP .. facts.tenant)
call('PERSIST', META) -- guard: counters-stay
if facts.paused then call('HSET', PAUSED, facts.id, 1) end
local x = { key = HASH, id = facts.id, tenant = facts.tenant, tier = facts.tier }
for _, turn in ipairs(facts.turns) do
  if turn[1] == 'ready' then
    awake(x, turn[2], turn[3])
  else
    -- A delay or a wait: its member has an age, as if it were ready, and a time.
    local kind, id, millis = turn[2], turn[3], turn[4]
    local lane, depth = string.match(turn[5], '^(.*)' .. SEP .. '(%d+)$')
    local member = lane .. SEP .. x.tenant .. SEP .. x.tier .. rankOf(next_('age', 1), depth) .. x.id .. SEP .. id
    local timer = kind .. SEP .. member
    setTimer(millis, timer)
    if kind == 'd' then
      call('HSET', HASH, 's' .. id, 'h' .. member)
      count(x, 'H', 1)
    else
      local epoch = string.match(call('HGET', HASH, 'w' .. id), '^%d+')
      call('HSET', HASH, 'w' .. id, epoch .. SEP .. timer)
      count(x, 'K', 1)
    end
  end
end
save(x)
finish()
return 1`,
  { functions: [passing], flags: [] }
)

/** The oldest bells that nobody has passed on yet. No further keys; argument: how many. */
export const outbox = scriptOf("outbox", `return call('LRANGE', OUTBOX, 0, args[3] - 1)`, { flags: ["no-writes"] })

/** Bells that were passed on. No further keys; argument: the bells. */
export const rung = scriptOf(
  "rung",
  `for _, bell in ipairs(cjson.decode(args[3])) do call('LREM', OUTBOX, 1, bell) end
return 1`
)

/** Executions that are known, in the order of their ids. No further keys; arguments: after which, and how many. */
export const known = scriptOf(
  "known",
  `local from = args[3] == '' and '-' or '[' .. args[3] .. AFTER
return call('ZRANGEBYLEX', KNOWN, from, '+', 'LIMIT', 0, args[4])`,
  { flags: ["no-writes"] }
)

/** Workers with what they present themselves as, for how long they were silent, and what they hold. No further keys. */
export const workers = scriptOf(
  "workers",
  `promote()
finish()
local list = {}
local heard = call('ZRANGE', WORKERS, 0, -1, 'WITHSCORES')
for i = 1, #heard, 2 do
  list[#list + 1] = { heard[i], call('HGET', INFOS, heard[i]), math.max(now - tonumber(heard[i + 1]), 0) }
end
local leases = {}
for i, value in ipairs(call('HVALS', LEASED)) do
  local lease = parse(value)
  leases[i] = { lease.worker, lease.member }
end
return cjson.encode({ workers = list, leases = leases })`,
  { functions: [passing] }
)

/** How full it is. Of each share the first 1,000 are looked at for the oldest. No further keys. */
export const overview = scriptOf(
  "overview",
  `promote()
finish()
local lanes = {}
local function of(lane)
  lanes[lane] = lanes[lane] or { ready = 0, leased = 0, oldest = -1 }
  return lanes[lane]
end
for lane in pairs(limits) do of(lane) end
for _, share in ipairs(call('ZRANGE', RING, 0, -1)) do
  local lane = of(laneOf(share))
  local from, to = '[' .. share .. SEP, '(' .. share .. AFTER
  lane.ready = lane.ready + call('ZLEXCOUNT', READY, from, to)
  for _, member in ipairs(call('ZRANGEBYLEX', READY, from, to, 'LIMIT', 0, 1000)) do
    local rank, depth = tonumber(sub(member, #share + 3, #share + 19)), tonumber(sub(member, #share + 20, #share + 25))
    local waited = math.max(now - math.floor((rank - depth * 1000000) / 1000), 0)
    if waited > lane.oldest then lane.oldest = waited end
  end
end
local permits = call('HGETALL', PERMITS)
for i = 1, #permits, 2 do of(permits[i]).leased = tonumber(permits[i + 1]) end
return cjson.encode({ executions = call('ZCARD', KNOWN), timed = call('ZCARD', TIMERS), lanes = lanes })`,
  { functions: [passing] }
)
