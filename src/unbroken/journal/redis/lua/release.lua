#!lua flags=allow-oom
-- ARGV: 3 id, 4 fence
local s = load(ARGV[3])
if s and s.fence == tonumber(ARGV[4]) and s.worker == me and s.status == 'live' then
  let_go(s)
  give(s, me, 0)
  ring(s.id)
end
return 1
