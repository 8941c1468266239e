-- What all scripts begin with. KEYS[1] is "{prefix}": whatever a journal has is in that one hash slot, so that the keys
-- which are made of it here are on the server that runs the script, in a cluster as well.
--
--   {prefix}:s:<id>   hash: how the stream stands         {prefix}:l:<id>    stream: its entries, with ids <fence>-<seq>
--   {prefix}:ids      all ids, by name                    {prefix}:live      those that live, by when they were touched
--   {prefix}:ended    those that have ended, by when      {prefix}:open      those that live and nobody holds, by age
--   {prefix}:due      those that are held, by deadline    {prefix}:crew      "<worker> <id>" of those that are held
--   {prefix}:owners   "<owner> <id>"                      {prefix}:owned     hash: id to owner
--   {prefix}:absent   hash: worker to since when and until when nobody saw it
--   {prefix}:bell     stream: ids of which there is news that is no entry
--   {prefix}:schema   the version of all this             {prefix}:alive:<worker>   the channel of a worker that is there
--
-- Times are milliseconds, by this server's clock alone; when a stream was created, microseconds.

local base, me, absence = KEYS[1], ARGV[1], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now, now_exactly = clock[1] * 1000 + math.floor(clock[2] / 1000), clock[1] * 1000000 + clock[2]

local function key(id) return base .. ':s:' .. id end
local function log(id) return base .. ':l:' .. id end

-- A stream as a table, or nil. One that has lost its entries, or its state, is none: half of it is worth nothing.
local function load(id)
  local v = redis.call('HMGET', key(id), 'fence', 'head', 'status', 'fingerprint', 'owner', 'created', 'ended', 'size',
    'stop', 'lease', 'deadline', 'worker', 'call', 'starts', 'touched')
  if not v[1] or redis.call('XLEN', log(id)) ~= tonumber(v[2]) then return nil end
  return {
    id = id, fence = tonumber(v[1]), head = tonumber(v[2]), status = v[3], fingerprint = v[4], owner = v[5],
    created = tonumber(v[6]), ended = tonumber(v[7]), size = tonumber(v[8]), stop = v[9], lease = tonumber(v[10]),
    deadline = tonumber(v[11]), worker = v[12], call = v[13], starts = v[14], touched = tonumber(v[15]),
  }
end

-- Whether a worker's connection has been away for as long as `absence`. Who asks keeps for the others when it was missed
-- first; a mark that nobody has confirmed for a while says nothing, for the worker may have been back since.
local missed = {}
local function is_gone(worker)
  if absence < 0 or worker == me then return false end
  if missed[worker] ~= nil then return missed[worker] end
  local marks = base .. ':absent'
  local gone = false
  if redis.call('PUBSUB', 'SHARDNUMSUB', base .. ':alive:' .. worker)[2] > 0 then
    redis.call('HDEL', marks, worker)
  else
    local since = now
    local mark = redis.call('HGET', marks, worker)
    if mark then
      local first, last = mark:match('(%d+) (%d+)')
      if now - last <= math.max(absence, 1000) then since = tonumber(first) end
    end
    redis.call('HSET', marks, worker, since .. ' ' .. now)
    gone = now - since >= absence
  end
  missed[worker] = gone
  return gone
end

local function is_orphaned(s)
  return s.status == 'live' and (now >= s.deadline or is_gone(s.worker))
end

-- What the client makes a StreamState of.
local function state(s)
  return {s.fence, s.head, s.status, s.fingerprint, s.owner, is_orphaned(s) and 1 or 0, s.stop, s.created,
    s.ended or false, s.size, s.starts}
end

-- Wakes all who wait for news, for those that no entry tells.
local function ring(id)
  redis.call('XADD', base .. ':bell', 'MAXLEN', '~', 1000, '*', 'id', id)
end

-- Who holds it: out of the indexes, and into them. Without a lease, or with one that is over, it is for anybody.
local function let_go(s)
  redis.call('ZREM', base .. ':due', s.id)
  redis.call('ZREM', base .. ':open', s.id)
  redis.call('ZREM', base .. ':crew', s.worker .. ' ' .. s.id)
end
local function give(s, worker, lease)
  s.worker, s.lease, s.deadline = worker, lease, 0
  if lease > 0 then
    s.deadline = now + lease
    redis.call('ZADD', base .. ':due', s.deadline, s.id)
    redis.call('ZADD', base .. ':crew', 0, worker .. ' ' .. s.id)
  else
    redis.call('ZADD', base .. ':open', s.created, s.id)
  end
  redis.call('HSET', key(s.id), 'worker', worker, 'lease', lease, 'deadline', s.deadline)
end

-- Its writer is not there: it is for anybody, until the writer shows itself (it still has its lease's length).
local function open(s)
  let_go(s)
  redis.call('ZADD', base .. ':open', s.created, s.id)
  redis.call('HSET', key(s.id), 'deadline', 0)
  ring(s.id)
end

-- Takes it from its owner's list; one that has expired does not say itself whose it was.
local function disown(id)
  local owner = redis.call('HGET', base .. ':owned', id)
  if owner then
    redis.call('HDEL', base .. ':owned', id)
    redis.call('ZREM', base .. ':owners', owner .. ' ' .. id)
  end
end

-- The time to live has a minute more than it needs, so that appends need not set it anew but once a minute.
local function expire(id, ttl)
  redis.call('PEXPIRE', key(id), ttl)
  redis.call('PEXPIRE', log(id), ttl)
  redis.call('HSET', key(id), 'kept', now)
end
