-- Commands on long lists, in chunks, because a call takes a limited number of arguments.
local function each(list, act)
  for from = 1, #list, 1000 do act(from, math.min(from + 999, #list)) end
end
local function put(command, key, list)
  if #list > 1000 then
    each(list, function(from, to) call(command, key, unpack(list, from, to)) end)
  elseif #list > 0 then
    call(command, key, unpack(list))
  end
end
local function get(key, list)
  if #list == 0 then return {} end
  if #list <= 1000 then return call('HMGET', key, unpack(list)) end
  local values = {}
  each(list, function(from, to)
    local part = call('HMGET', key, unpack(list, from, to))
    for i = 1, #part do values[from + i - 1] = part[i] end
  end)
  return values
end
local function prefixed(prefix, ids)
  local fields = {}
  for i = 1, #ids do fields[i] = prefix .. ids[i] end
  return fields
end
