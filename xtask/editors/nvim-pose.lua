-- Neovim shows $HLB_POSE for a picture, and makes the file $HLB_POSED when it does.

local pose = os.getenv("HLB_POSE")
vim.o.termguicolors, vim.o.number, vim.o.signcolumn, vim.o.swapfile = true, true, "yes", false
vim.o.completeopt = "menuone,noselect"
vim.cmd("colorscheme slate")
for _, name in ipairs({ "Normal", "SignColumn", "EndOfBuffer" }) do vim.cmd("highlight " .. name .. " guibg=NONE") end
-- Of windows above the text this scheme knows nothing.
vim.cmd("highlight Pmenu guifg=#d5d8df guibg=#3a3f4b | highlight PmenuSel guifg=#1b1d23 guibg=#98c379")

local function go(text)
  vim.fn.cursor(1, 1)
  vim.fn.search("\\V" .. text, "cW")
end

local function floats()
  return vim.tbl_filter(function(window)
    return vim.api.nvim_win_get_config(window).relative ~= ""
  end, vim.api.nvim_list_wins())
end

local poses = {
  -- With the other file below, whose targets have lenses.
  diagnostics = {
    act = function()
      vim.cmd("botright 26split build.hlb")
      go("# The sources")
      vim.cmd("normal! zt")
      vim.lsp.codelens.refresh()
    end,
    look = function() return #vim.lsp.codelens.get(vim.fn.bufnr("build.hlb")) > 0 end,
  },
  completion = {
    act = function()
      go("dir \"/words\"")
      vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes("o<C-x><C-o>", true, false, true), "n", false)
    end,
    look = function() return vim.fn.pumvisible() == 1 end,
  },
  hover = {
    act = function()
      go("run ")
      vim.lsp.buf.hover()
    end,
    look = function() return #floats() > 0 end,
  },
}

local function poll(look, act)
  if not look() then return vim.defer_fn(function() poll(look, act) end, 100) end
  act()
end

vim.cmd("edit mistake.hlb")
poll(function() return #vim.diagnostic.get(0) > 0 end, function()
  local wanted = poses[pose]
  if wanted.act then wanted.act() end
  poll(wanted.look, function() vim.fn.writefile({}, os.getenv("HLB_POSED")) end)
end)
