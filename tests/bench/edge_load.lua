-- wrk: the next path of a file (LOAD_PATHS), in order, over and over; each thread begins elsewhere.
local paths = {}
for line in io.lines(os.getenv("LOAD_PATHS")) do paths[#paths + 1] = line end
local threads, n = 0, 0

function setup(thread)
  thread:set("first", threads * 7919)
  threads = threads + 1
end

function init()
  n = first
end

function request()
  n = n + 1
  return "GET " .. paths[n % #paths + 1] .. " HTTP/1.1\r\nHost: edge.example\r\nAccept-Encoding: gzip\r\n\r\n"
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("FIGURES %f %d %d\n", summary.requests / summary.duration * 1e6, summary.requests,
    errors.status + errors.read + errors.connect + errors.timeout))
end
