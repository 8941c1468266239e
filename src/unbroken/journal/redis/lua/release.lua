#!lua flags=allow-oom
-- ARGV: 3 id, 4 fence, 5 call (as for append)
local s = load(ARGV[3])
if s and s.fence == tonumber(ARGV[4]) and s.status == 'live' and (ARGV[5] == '' or s.call == ARGV[5]) then
  let_go(s)
  give(s, me, 0)
  ring(s.id)
end
return 1
