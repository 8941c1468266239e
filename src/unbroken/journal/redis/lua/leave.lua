#!lua flags=allow-oom
-- What this worker holds is for others. Returns whether there is more of it.
local mine = redis.call('ZRANGEBYLEX', base .. ':crew', '[' .. me .. ' ', '(' .. me .. '!', 'LIMIT', 0, 200)
for _, member in ipairs(mine) do
  local s = load(member:sub(#me + 2))
  redis.call('ZREM', base .. ':crew', member)
  if s and s.worker == me and s.status == 'live' then
    let_go(s)
    give(s, me, 0)
    ring(s.id)
  end
end
return #mine == 200 and 1 or 0
