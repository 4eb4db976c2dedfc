-- Uses the core (coroutines, closures), the standard library (string, table) and the host's own function.

local function primes()
  return coroutine.wrap(function()
    local found = {}
    local candidate = 2
    while true do
      local prime = true
      for _, p in ipairs(found) do
        if p * p > candidate then break end
        if candidate % p == 0 then prime = false break end
      end
      if prime then
        table.insert(found, candidate)
        coroutine.yield(candidate)
      end
      candidate = candidate + 1
    end
  end)
end

local first = {}
for p in primes() do
  table.insert(first, p)
  if #first == 10 then break end
end

print(("%s, built by HLB"):format(_VERSION))
print("primes: " .. table.concat(first, " "))
print("hash:   " .. host.fnv("HLB"))
