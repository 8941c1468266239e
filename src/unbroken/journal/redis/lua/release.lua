#!lua flags=allow-oom
-- ARGV: 3 id, 4 fence, 5 head, 6 call (as for append)
local s = load(ARGV[3])
if s and s.fence == tonumber(ARGV[4]) and s.status == 'live' and (ARGV[6] == '' or s.call == ARGV[6]) then
  let_go(s)
  give(s, me, 0)
  ring(s.id)
end
return 1
