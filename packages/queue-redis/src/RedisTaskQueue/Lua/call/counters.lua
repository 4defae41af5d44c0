-- The counters of the queue, read once per call and written by `finish`.
--
-- Fields of `meta`: `tick` and `age`, the last numbers given to leases and to ready tasks; `floor`,
-- the turn at which a new share starts; `due`, the time before which no lease expires and no timer
-- fires, so that no check is needed (absent: unknown). `TALLY` followed by a tenant: the number of
-- its executions.
local TALLY = 'n' .. SEP
local function meta()
  if not counters then
    local values = call('HMGET', META, 'tick', 'age', 'floor', 'due')
    counters = {
      tick = tonumber(values[1] or 0), age = tonumber(values[2] or 0), floor = tonumber(values[3] or 0),
      due = tonumber(values[4] or 0)
    }
  end
  return counters
end
local function permit(lane, count) permits[lane] = (permits[lane] or 0) + count end
local function becomesDue(at)
  local all = meta()
  if at < all.due then
    all.due = at
    changed.due = true
  end
end
-- Numbers that only increase, even after the queue was empty: nonces of leases, ages of tasks.
local function next_(counter, count, from)
  local all = meta()
  local first = math.max(all[counter] + 1, from or micros)
  all[counter] = first + count - 1
  changed[counter] = true
  return first
end
local function tick(count) return next_('tick', count) end
