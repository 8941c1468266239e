#!lua
-- ARGV: 3 id, 4 fence, 5 head, 6 call, 7 lease, 8 force, 9 time to live, 10 entry
local id, fence, head = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local s = load(id)
if not s then return 0 end
if s.call == ARGV[6] and s.fence == fence + 1 and s.head == head + 1 then return 1 end -- the same call again
if s.fence ~= fence or s.head ~= head then return 0 end
if s.status == 'complete' or s.status == 'cancelled' then return 0 end
if s.status == 'live' and ARGV[8] == '0' and not is_orphaned(s) then return 0 end
fence, head = fence + 1, head + 1
redis.call('XADD', log(id), fence .. '-' .. head, 'd', ARGV[10])
redis.call('HSET', key(id), 'fence', fence, 'head', head, 'status', 'live', 'size', s.size + #ARGV[10], 'stop', 0,
  'call', ARGV[6], 'starts', s.starts .. ',' .. fence .. ':' .. head, 'touched', now)
redis.call('HDEL', key(id), 'ended')
let_go(s)
give(s, me, tonumber(ARGV[7]))
redis.call('ZADD', base .. ':live', now, id)
redis.call('ZREM', base .. ':ended', id)
expire(id, ARGV[9])
return 1
