-- A task was settled or a signal arrived. `lists` contain the waits for it. Returns the suspended
-- tasks whose waits are satisfied.
local function arrive(x, lists)
  local woken = {}
  for _, list in ipairs(lists) do
    if list then
      for entry in string.gmatch(list, '[^' .. LIST .. ']+') do
        local epoch, id = string.match(entry, '^(%d+)' .. SEP .. '(.*)$')
        local wait = call('HGET', x.key, 'w' .. id)
        -- An entry of an earlier wait must not count for the current one.
        local current = wait and string.match(wait, '^%d+')
        if current == epoch then -- guard(true): wait-of-this-epoch
          if call('HINCRBY', x.key, 'c' .. id, -1) == 0 then woken[#woken + 1] = id end
        end
      end
    end
  end
  return woken
end
