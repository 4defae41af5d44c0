-- The hash of an execution. `Staging.ts` writes its initial state.
--
-- Fields of the execution: `T` tenant, `P` tier, `U` seq up to which the queue knows it, `S` seq of
-- the latest pause, `N` tasks, `X` settled tasks, `H` tasks that have a member, `K` suspended tasks
-- with a timer, `V` set once a task was awaited.
--
-- Fields of each task, a letter followed by its id: `r` the number of its unsettled dependencies
-- (until it is ready), its lane and its depth; `d` its dependents, each preceded by a separator (of
-- a task that is not known yet: separated); `v` the waits for it; `s` its state (absent: waits for
-- dependencies; `x`: settled; `u`: suspended; `h` and its member); `w` number and timer of its
-- wait; `c` how many of the awaited facts are missing.
--
-- Fields of each signal: `a` it has arrived, `g` the waits for it.
local function idOf(index) return sub(keys[FIRST + index], #TAG + 3) end
local function load(index)
  local key = keys[FIRST + index]
  local meta = call('HMGET', key, 'T', 'P')
  if not meta[1] then return nil end -- guard(false): unknown-execution
  return { key = key, id = idOf(index), tenant = meta[1], tier = meta[2] }
end
