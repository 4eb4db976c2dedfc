-- HLB in Neovim, 0.7 and later. Copy this file to ~/.config/nvim/plugin/hlb.lua.
--
-- It starts the language server for files ending in .hlb and gives them :HlbRun [TARGET [ARGUMENTS]], :HlbTest [NAME],
-- :HlbWhy, :HlbGraph [TARGET] and :HlbLens, which does what the lens of the line says. Settings of the server go into
-- vim.g.hlb_settings, another server command into vim.g.hlb_server, another hlbc into vim.g.hlbc.

local markers = { "hlb.lock", "build.hlb", ".git" }

local function hlbc(words)
  return vim.list_extend({ vim.g.hlbc or "hlbc" }, words)
end

local function server()
  return vim.g.hlb_server or (vim.fn.executable("hlb-lsp") == 1 and { "hlb-lsp" } or hlbc({ "lsp" }))
end

local function settings()
  return { hlb = vim.g.hlb_settings or vim.empty_dict() }
end

-- The nearest directory at or above a file with one of the markers.
local function root(file)
  local dir = vim.fn.fnamemodify(file, ":p:h")
  while true do
    for _, marker in ipairs(markers) do
      if vim.loop.fs_stat(dir .. "/" .. marker) then return dir end
    end
    local above = vim.fn.fnamemodify(dir, ":h")
    if above == dir then return nil end
    dir = above
  end
end

-- Runs hlbc in a terminal below; the cursor stays where it is.
local function terminal(words)
  local window = vim.api.nvim_get_current_win()
  vim.cmd("botright 12new")
  local buf = vim.api.nvim_get_current_buf()
  vim.bo[buf].bufhidden = "wipe"
  vim.fn.termopen(hlbc(words))
  vim.cmd("normal! G")
  vim.api.nvim_set_current_win(window)
  return buf
end

-- What the lenses ask for: each gets the URI of a file and the name of a target, or of a test.
local deeds = {}

function deeds.run(file, target, more)
  terminal(vim.list_extend({ "run", "-f", file, target }, more or {}))
end

function deeds.test(file, name)
  terminal({ "test", "-f", file, "--exact", "--", name })
end

-- Why the steps of the last build ran.
function deeds.why()
  terminal({ "why" })
end

-- The steps of a target, each with what it builds on.
function deeds.graph(file, target)
  local params = { uri = vim.uri_from_fname(file), target = target }
  vim.lsp.buf_request(0, "hlb/graph", params, function(failed, graph)
    if failed then return vim.notify(failed.message or tostring(failed), vim.log.levels.ERROR) end
    local lines = {}
    for _, step in ipairs(graph.steps) do
      lines[#lines + 1] = ("#%d %s"):format(step.number, step.title)
      for _, input in ipairs(step.inputs) do
        lines[#lines + 1] = ("  %s from #%d"):format(input[2], input[1])
      end
      -- The innermost place; those of its callers follow. `gF` goes there.
      local place = step.places[1]
      if place then lines[#lines + 1] = ("  %s:%d"):format(vim.fn.fnamemodify(place.file, ":."), place.line) end
    end
    vim.cmd("botright new")
    local buf = vim.api.nvim_get_current_buf()
    vim.bo[buf].buftype, vim.bo[buf].bufhidden = "nofile", "wipe"
    vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  end)
end

-- Stepping through a target is for nvim-dap.
function deeds.debug(file, target)
  local there, dap = pcall(require, "dap")
  if not there then return vim.notify("Debugging needs the plugin nvim-dap", vim.log.levels.WARN) end
  dap.adapters.hlb = { type = "executable", command = hlbc({})[1], args = { "dap" } }
  dap.run({ type = "hlb", request = "launch", name = target, program = file, target = target })
end

for name, deed in pairs(deeds) do
  vim.lsp.commands["hlb." .. name] = function(command)
    deed(vim.uri_to_fname(command.arguments[1]), command.arguments[2])
  end
end

-- One server for each root. What has none, such as the standard library, is for the server that is there.
local function attach(buf)
  local file = vim.api.nvim_buf_get_name(buf)
  if file == "" then return end
  local found = root(file)
  for _, client in ipairs((vim.lsp.get_clients or vim.lsp.get_active_clients)()) do
    if client.name == "hlb" and (not found or client.config.root_dir == found) then
      vim.lsp.buf_attach_client(buf, client.id)
      return
    end
  end
  local config = { name = "hlb", cmd = server(), settings = settings(), init_options = { commands = { "hlb.debug" } } }
  config.root_dir = found or vim.fn.fnamemodify(file, ":p:h")
  if vim.lsp.start then
    vim.lsp.start(config, { bufnr = buf })
    return
  end
  config.capabilities = vim.lsp.protocol.make_client_capabilities()
  local id = vim.lsp.start_client(config)
  if id then vim.lsp.buf_attach_client(buf, id) end
end

-- Colours by tree-sitter, where its parser for HLB is installed; else from the server, from 0.9 on.
local function paint(buf)
  pcall(function()
    if vim.treesitter.start then return vim.treesitter.start(buf, "hlb") end
    vim.treesitter.highlighter.new(vim.treesitter.get_parser(buf, "hlb"), {})
  end)
end

local function open(buf)
  local here = vim.bo[buf]
  here.commentstring, here.comments = "# %s", ":#"
  here.expandtab, here.tabstop, here.shiftwidth = false, 4, 4
  here.omnifunc = "v:lua.vim.lsp.omnifunc"
  paint(buf)
  attach(buf)
  local function command(name, nargs, deed)
    vim.api.nvim_buf_create_user_command(buf, name, function(given)
      deed(vim.api.nvim_buf_get_name(buf), unpack(given.fargs))
    end, { nargs = nargs })
  end
  command("HlbRun", "*", function(file, target, ...) deeds.run(file, target or "default", { ... }) end)
  command("HlbTest", "?", function(file, part) terminal({ "test", "-f", file, part }) end)
  command("HlbWhy", 0, deeds.why)
  command("HlbGraph", "?", function(file, target) deeds.graph(file, target or "default") end)
  command("HlbLens", 0, function() vim.lsp.codelens.run() end)
  for keys, deed in pairs({ K = vim.lsp.buf.hover, gd = vim.lsp.buf.definition }) do
    vim.keymap.set("n", keys, deed, { buffer = buf })
  end
end

local group = vim.api.nvim_create_augroup("hlb", {})
vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, {
  group = group,
  pattern = "*.hlb",
  callback = function() vim.bo.filetype = "hlb" end,
})
vim.api.nvim_create_autocmd("FileType", {
  group = group,
  pattern = "hlb",
  callback = function(event) open(event.buf) end,
})
if vim.lsp.codelens.enable then
  vim.lsp.codelens.enable(true)
else
  vim.api.nvim_create_autocmd({ "BufEnter", "CursorHold", "InsertLeave" }, {
    group = group,
    pattern = "*.hlb",
    callback = function() vim.lsp.codelens.refresh() end,
  })
end
