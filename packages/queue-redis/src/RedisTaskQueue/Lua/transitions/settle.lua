-- Settles tasks, each once; their dependents lose a dependency. Returns the suspended tasks whose
-- waits are satisfied. With `alone`, several tasks are settled together only if none of them is
-- awaited: a task that is woken would otherwise be younger than tasks that became ready later. In
-- that case it returns nil and changes nothing.
-- include: transitions/arrive
-- include: transitions/awake
-- include: transitions/withdraw
local function settle(x, ids, alone)
  local fields = { 'T', 'P', 'X', 'H', 'V' }
  for i, id in ipairs(ids) do
    local at = 2 * i + 5
    fields[at - 1], fields[at] = 's' .. id, 'd' .. id
  end
  local values = get(x.key, fields)
  x.tenant, x.tier = values[1], values[2]
  x.known = { X = values[3], H = values[4] }
  local waiters = values[5] and get(x.key, prefixed('v', ids)) or {}
  local fresh, states, dependents, waiting, seen, writes = {}, {}, {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local state, list = values[2 * i + 4], values[2 * i + 5]
    -- A task that is not known yet may already have dependents.
    local isKnown = list and sub(list, 1, 1) == SEP
    if isKnown and state ~= 'x' and not seen[id] then -- guard(true): settled-once
      seen[id] = true
      local next = #fresh + 1
      fresh[next] = id
      states[next] = state
      dependents[next] = list
      if waiters[i] then waiting[#waiting + 1] = waiters[i] end
      writes[2 * next - 1] = fields[2 * i + 4]
      writes[2 * next] = 'x'
    end
  end
  if #fresh == 0 then return {} end
  if alone and #fresh > 1 and #waiting > 0 then return nil end
  withdraw(x, fresh, states)
  count(x, 'X', #fresh)
  -- Each dependent loses one dependency; those that have none left are ready, in the order in which
  -- they lost the last one.
  local order, lost, last = {}, {}, {}
  for i = 1, #fresh do
    for id in string.gmatch(dependents[i], NAMES) do
      order[#order + 1] = id
      lost[id] = (lost[id] or 0) + 1
      last[id] = #order
    end
  end
  local free, ranks = {}, {}
  if #order > 0 then
    local ordered, wanted = {}, {}
    for at, id in ipairs(order) do
      if last[id] == at then
        ordered[#ordered + 1] = id
        local next = #wanted
        wanted[next + 1], wanted[next + 2] = 'r' .. id, 's' .. id
      end
    end
    local found = get(x.key, wanted)
    for i, id in ipairs(ordered) do
      local value, state = found[2 * i - 1], found[2 * i]
      local at = find(value, SEP, 1, true)
      local left = tonumber(sub(value, 1, at - 1)) - lost[id]
      if left > 0 then -- guard(false): ready-when-all-settled
        writes[#writes + 1] = 'r' .. id
        writes[#writes + 1] = left .. sub(value, at)
      else
        if not state and not seen[id] then -- guard(true): settled-is-never-ready
          free[#free + 1] = id
          ranks[#free] = sub(value, at + 1)
        end
      end
    end
  end
  awake(x, free, ranks, writes)
  if #waiting == 0 then return {} end
  return arrive(x, waiting)
end
