-- How records are laid out. The generated module gives the exported numbers and separators to TypeScript.
--
-- A task that may be handed out has a member: lane SEP tenant SEP tier rank depth execution SEP task. Lane and tenant are its share; tier,
-- rank and depth order the members of a share by their bytes. The tier is one digit. The rank is the time at which the task became ready,
-- in microseconds, plus a second per unit of depth. The depth is smaller the more tasks follow on the longest way: one task more counts
-- like a second more of waiting. A member is in exactly one of `ready`, `leased`, `timers` (delayed) or `held` (its execution is paused).
-- A suspended task has none until its wait is over.
--
-- Positions of rank, depth and execution in a member, after the end of its share.
local RANK_AT = 3
local DEPTH_AT, PLACE_AT = 20, 26 -- exported
-- Between the parts of a record, and between the entries of a list. Names never contain them.
local SEP, LIST = '\31', '\29' -- exported
-- The byte after SEP: what begins with a name and SEP stands before the name and AFTER.
local AFTER = '\32'
