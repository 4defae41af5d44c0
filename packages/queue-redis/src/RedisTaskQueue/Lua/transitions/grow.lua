-- Extends the graph. Nodes: { id, lane, depth, dependencies }. Returns the tasks that have no
-- unsettled dependency.
-- include: call/commands
local function grow(x, nodes)
  if #nodes == 0 then return {} end
  local ids = {}
  for i, node in ipairs(nodes) do ids[i] = node[1] end
  local known = get(x.key, prefixed('r', ids))
  local dependents = get(x.key, prefixed('d', ids))
  local news, fields, seen = {}, {}, {}
  for i, node in ipairs(nodes) do
    if not known[i] and not seen[node[1]] then -- guard(true): grown-once
      seen[node[1]] = true
      news[#news + 1] = node
      fields[#fields + 1] = 'd' .. node[1]
      fields[#fields + 1] = SEP .. (dependents[i] or '')
    end
  end
  if #news == 0 then return {} end
  put('HSET', x.key, fields)
  call('HINCRBY', x.key, 'N', #news)
  local free = {}
  for _, node in ipairs(news) do
    local dependencies = node[4]
    local left = #dependencies
    if left > 0 then
      local states = get(x.key, prefixed('s', dependencies))
      for i, dependency in ipairs(dependencies) do
        if states[i] == 'x' then
          left = left - 1
        else
          -- The dependency may be a task that is not known yet.
          local list = call('HGET', x.key, 'd' .. dependency)
          call('HSET', x.key, 'd' .. dependency, list and list .. SEP .. node[1] or node[1])
        end
      end
    end
    call('HSET', x.key, 'r' .. node[1], left .. SEP .. node[2] .. SEP .. node[3])
    if left == 0 then free[#free + 1] = node[1] end
  end
  return free
end
