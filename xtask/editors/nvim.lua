-- Neovim does the deeds of `xtask/src/editors.rs`, with docs/editors/nvim.lua as its setup, and reports to $HLB_REPORT.

vim.o.hidden, vim.o.swapfile = true, false
local report = assert(io.open(os.getenv("HLB_REPORT"), "a"))

local function deed(name, body)
  local passed, why = pcall(body)
  report:write(passed and ("PASS " .. name) or ("FAIL " .. name .. ": " .. tostring(why):gsub("%s+", " ")), "\n")
  report:flush()
end

local function wait(what, seconds, look)
  local seen
  vim.wait(seconds * 1000, function()
    seen = look()
    return seen
  end, 20)
  return seen or error("no " .. what .. " within " .. seconds .. " s", 0)
end

-- Puts the cursor on the beginning of a text, `skip` bytes behind it.
local function go(text, skip)
  vim.fn.cursor(1, 1)
  assert(vim.fn.search("\\V" .. text, "cW") > 0, "the buffer has no " .. text)
  if skip then vim.fn.cursor(vim.fn.line("."), vim.fn.col(".") + skip) end
end

local function text(buf)
  return table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, false), "\n")
end

local function ask(method, params)
  local answers = assert(vim.lsp.buf_request_sync(0, method, params, 10000), method .. " is not answered")
  for _, answer in pairs(answers) do
    assert(not answer.error, answer.error and answer.error.message)
    return answer.result
  end
end

deed("diagnostics", function()
  vim.cmd("edit mistake.hlb")
  assert(vim.bo.filetype == "hlb", "the file is not known to be HLB")
  wait("diagnostic of mkdirr", 20, function()
    for _, it in ipairs(vim.diagnostic.get(0)) do
      if it.message:find("mkdirr", 1, true) and it.lnum == 4 then return true end
    end
  end)
end)

-- Only Neovim has these: the colours are those of tree-sitter.
deed("colours", function()
  local tree = vim.treesitter.get_parser(0, "hlb"):parse()[1]
  assert(not tree:root():has_error(), "the parser finds a mistake of form")
  local highlighter = vim.treesitter.highlighter.active[vim.api.nvim_get_current_buf()]
  assert(highlighter, "tree-sitter colours nothing")
end)

deed("completion", function()
  go("with option {")
  local line = vim.fn.line(".")
  vim.api.nvim_buf_set_lines(0, line, line, false, { "\t\tmo" })
  vim.fn.cursor(line + 1, 4)
  vim.o.virtualedit = "all"
  vim.fn.cursor(line + 1, 5)
  local answer = ask("textDocument/completion", vim.lsp.util.make_position_params())
  vim.o.virtualedit = ""
  local items = vim.lsp.util.text_document_completion_list_to_complete_items(answer, "mo")
  vim.api.nvim_buf_set_lines(0, line, line + 1, false, {})
  local words = vim.tbl_map(function(item) return item.word end, items)
  local offered = false
  for _, word in ipairs(words) do offered = offered or word:find("^mount") ~= nil end
  assert(offered, "mount is not offered, but: " .. table.concat(words, ", "))
end)

deed("hover", function()
  go("run ")
  vim.lsp.buf.hover()
  wait("window with the signature of run", 10, function()
    for _, window in ipairs(vim.api.nvim_list_wins()) do
      local shown = text(vim.api.nvim_win_get_buf(window))
      if vim.api.nvim_win_get_config(window).relative ~= "" and shown:find("run(variadic string arg", 1, true) then
        vim.api.nvim_win_close(window, true)
        return true
      end
    end
  end)
end)

deed("definition", function()
  go("run ")
  vim.lsp.buf.definition()
  wait("file of the standard library", 10, function() return vim.fn.expand("%:t") == "builtin.hlb" end)
  local line = vim.fn.getline(".")
  assert(line:find("fs run(", 1, true), "the cursor is at: " .. line)
end)

deed("rename", function()
  vim.cmd("edit build.hlb")
  go("pack.package", 5)
  -- Only a server that knows the file can tell what is in it.
  wait("client", 10, function() return #vim.lsp.buf_get_clients(0) > 0 end)
  vim.lsp.buf.rename("parcel")
  wait("use of the new name", 10, function() return text(0):find("pack.parcel(content", 1, true) end)
  local other = vim.fn.bufnr("pack.hlb")
  assert(other > 0, "pack.hlb was not changed")
  assert(text(other):find("export fs parcel(", 1, true), "the declaration keeps its name")
  assert(not text(0):find("pack.package", 1, true), "a use keeps its name")
end)

deed("run", function()
  local buf = vim.fn.bufnr("build.hlb")
  vim.cmd("buffer " .. buf)
  go("fs sources")
  vim.lsp.codelens.refresh()
  wait("lens", 10, function()
    for _, lens in ipairs(vim.lsp.codelens.get(buf)) do
      local command = lens.command
      if command and command.command == "hlb.run" and command.arguments[2] == "sources" then return true end
    end
  end)
  vim.ui.select = function(options, _, choose)
    for _, option in ipairs(options) do
      if option.lens.command.command == "hlb.run" then return choose(option) end
    end
  end
  vim.cmd("HlbLens")
  local function terminals()
    return vim.tbl_filter(function(it) return vim.bo[it].buftype == "terminal" end, vim.api.nvim_list_bufs())
  end
  local ended, last = pcall(wait, "number of steps", 60, function()
    for _, it in ipairs(terminals()) do
      if text(it):find("%d+ steps?, %d+ cached") then return true end
    end
  end)
  assert(ended, tostring(last) .. ": " .. table.concat(vim.tbl_map(text, terminals()), " | "))
end)

deed("edit", function()
  vim.cmd("buffer mistake.hlb")
  local before = #vim.diagnostic.get(0)
  go("mkdirr", 5)
  local line, column = vim.fn.line(".") - 1, vim.fn.col(".") - 1
  vim.api.nvim_buf_set_text(0, line, column, line, column + 1, {})
  wait("fewer diagnostics", 10, function() return #vim.diagnostic.get(0) < before end)
end)

report:close()
vim.cmd("qall!")
